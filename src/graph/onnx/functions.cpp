#include "graph/onnx/functions.h"

#include <algorithm>

#include "base/protobuf.h"
#include "graph/onnx/import.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

Reader reader(ByteView bytes) {
    return Reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

Function read_function(ByteView bytes) {
    Function function;
    function.size_bytes = bytes.size();
    Reader message = reader(bytes);
    while (message.next()) {
        switch (message.tag()) {
            case 1: function.name = message.get_string(); break;
            case 4: function.inputs.push_back(message.get_string()); break;
            case 5: function.outputs.push_back(message.get_string()); break;
            case 7: function.nodes.push_back(to_view(message.get_view())); break;
            case 9: read_opset(to_view(message.get_view()), function.opsets); break;
            case 10: function.domain = canonical_domain(message.get_string()); break;
            case 11: function.defaults.push_back(to_view(message.get_view())); break;
            case 13: function.overload = message.get_string(); break;
            default: message.skip();
        }
    }
    return function;
}

// Bytes that a copy takes. Tensors and bodies are shared.
struct SizeOf {
    std::uint64_t operator()(const std::string& text) const { return text.size(); }
    std::uint64_t operator()(const std::vector<std::string>& texts) const {
        std::uint64_t size = 0;
        for (const std::string& text : texts) size += sizeof text + text.size();
        return size;
    }
    template <typename T>
    std::uint64_t operator()(const std::vector<T>& values) const {
        return values.size() * sizeof(T);
    }
    template <typename T>
    std::uint64_t operator()(const T&) const {
        return sizeof(T);
    }
};

// The start of a name that stands before many others; whole letters of UTF-8.
std::string_view shortened(std::string_view name) {
    constexpr std::size_t kMost = 64;
    if (name.size() <= kMost) return name;
    std::size_t size = kMost;
    while (size > 0 && (static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
    return name.substr(0, size);
}

}  // namespace

std::string canonical_domain(std::string domain) {
    return domain == "ai.onnx" ? std::string() : domain;
}

void read_opset(ByteView bytes, Opsets& opsets) {
    std::string domain;
    std::int64_t version = 0;
    Reader message = reader(bytes);
    while (message.next()) {
        if (message.tag() == 1) {
            domain = message.get_string();
        } else if (message.tag() == 2) {
            version = message.get_int64();
        } else {
            message.skip();
        }
    }
    std::int64_t& known = opsets[canonical_domain(domain)];
    known = std::max(known, version);
}

Status check_opsets(const Opsets& opsets) {
    const auto onnx = opsets.find("");
    if (onnx == opsets.end() || onnx->second <= kMaxOpset) return {};
    return unimplemented("opset {} is newer than {}; export the model for opset {}", onnx->second,
                         kMaxOpset, kMaxOpset);
}

std::string Function::describe() const {
    return fmt::format("function '{}' ({})", name, domain.empty() ? "ai.onnx" : domain);
}

Status Functions::add(ByteView bytes) {
    Function function = read_function(bytes);
    HF_TRY(check_opsets(function.opsets).context("{}", function.describe()));
    Key key(function.domain, function.name, function.overload);
    const auto [known, added] = by_name_.emplace(std::move(key), std::move(function));
    if (added) return {};
    return invalid_argument("{} is there twice", known->second.describe());
}

const Function* Functions::find(const Node& node, const std::string& overload) const {
    if (by_name_.empty()) return nullptr;
    const auto found = by_name_.find(Key(node.domain, node.op, overload));
    return found == by_name_.end() ? nullptr : &found->second;
}

Status Functions::check_spent() const {
    if (nodes_ <= kMaxInlinedNodes && bytes_ <= kMaxInlinedBytes) return {};
    return resource_exhausted("the model's functions come to more than {} nodes or {} bytes",
                              kMaxInlinedNodes, kMaxInlinedBytes);
}

Result<std::size_t> Functions::charge(const Function& function) {
    nodes_ += function.nodes.size() + 1;
    bytes_ += function.size_bytes;
    HF_TRY(check_spent());
    return calls_++;
}

Status Functions::charge(const Attribute& attribute) {
    bytes_ += std::visit(SizeOf{}, attribute);
    return check_spent();
}

Result<Call> Call::create(const Function& function, const ParsedNode& node, const Call* caller,
                          std::size_t number) {
    int depth = 0;
    for (const Call* outer = caller; outer; outer = outer->caller_) {
        if (outer->function_ == &function) return invalid_argument("it calls itself");
        if (++depth >= kMaxCallDepth) {
            return resource_exhausted("functions call deeper than {}", kMaxCallDepth);
        }
    }
    if (node.inputs.size() > function.inputs.size() ||
        node.outputs.size() > function.outputs.size()) {
        return invalid_argument("{} inputs and {} outputs for a function of {} and {}",
                                node.inputs.size(), node.outputs.size(), function.inputs.size(),
                                function.outputs.size());
    }
    Call call;
    call.function_ = &function;
    call.caller_ = caller;
    call.prefix_ = fmt::format("{}.{}/", shortened(node.node.name), number);
    call.attributes = node.node.attributes;
    for (std::size_t i = 0; i < function.inputs.size(); ++i) {
        call.names_[function.inputs[i]] = i < node.inputs.size() ? node.inputs[i] : "";
    }
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i].empty()) continue;
        const auto [known, added] = call.names_.emplace(function.outputs[i], node.outputs[i]);
        if (!added) call.copies_.emplace_back(known->second, node.outputs[i]);
    }
    return call;
}

std::string Call::outer_name(const std::string& name) const {
    if (name.empty()) return name;
    const auto known = names_.find(name);
    return known == names_.end() ? prefix_ + name : known->second;
}

}  // namespace hf::graph::onnx
