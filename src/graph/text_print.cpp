#include <algorithm>
#include <bit>
#include <cmath>

#include "base/bytes.h"
#include "graph/text.h"
#include "graph/text_words.h"

namespace hf::graph {

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (c == '\n') {
            out += "\\n";
        } else if (byte < 0x20 || byte == 0x7F) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out + "\"";
}

std::string word(std::string_view text) {
    const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), is_word_char);
    return plain ? std::string(text) : quoted(text);
}

namespace {

// Constants of at most so many elements are written as decimals.
constexpr std::int64_t kMaxDecimals = 64;

std::string float_text(float value) {
    if (std::isnan(value)) return fmt::format("bits({:08x})", std::bit_cast<std::uint32_t>(value));
    std::string text = fmt::format("{}", value);
    if (text.find_first_of(".ein") == std::string::npos) text += ".0";
    return text;
}

template <typename T, typename F>
std::string listed(const std::vector<T>& items, F text_of) {
    std::string text = "[";
    for (const T& item : items) {
        if (text.size() > 1) text += ", ";
        text += text_of(item);
    }
    return text + "]";
}

std::string element_text(const Tensor& tensor, std::size_t i) {
    switch (tensor.dtype()) {
        case DType::kF32: return fmt::format("{}", tensor.values<float>()[i]);
        case DType::kF64: return fmt::format("{}", tensor.values<double>()[i]);
        case DType::kI8: return fmt::format("{}", tensor.values<std::int8_t>()[i]);
        case DType::kI16: return fmt::format("{}", tensor.values<std::int16_t>()[i]);
        case DType::kI32: return fmt::format("{}", tensor.values<std::int32_t>()[i]);
        case DType::kI64: return fmt::format("{}", tensor.values<std::int64_t>()[i]);
        case DType::kU8:
        case DType::kBool: return fmt::format("{}", tensor.values<std::uint8_t>()[i]);
        case DType::kU16: return fmt::format("{}", tensor.values<std::uint16_t>()[i]);
        case DType::kU32: return fmt::format("{}", tensor.values<std::uint32_t>()[i]);
        case DType::kU64: return fmt::format("{}", tensor.values<std::uint64_t>()[i]);
        case DType::kString: return quoted(tensor.strings()[i]);
        default: return {};
    }
}

// Whether decimals give back the same bits: real element types without NaN.
bool has_decimals(const Tensor& tensor) {
    const auto nan = [](auto x) { return std::isnan(x); };
    switch (tensor.dtype()) {
        case DType::kF32: {
            const auto values = tensor.values<float>();
            return std::none_of(values.begin(), values.end(), nan);
        }
        case DType::kF64: {
            const auto values = tensor.values<double>();
            return std::none_of(values.begin(), values.end(), nan);
        }
        case DType::kF16:
        case DType::kBF16:
        case DType::kC64:
        case DType::kC128: return false;
        default: return true;
    }
}

bool is_uniform(const Tensor& tensor) {
    const std::size_t size = dtype_size(tensor.dtype());
    const ByteView bytes = tensor.bytes();
    if (size == 0 || bytes.size() <= size) return false;
    return std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(size), bytes.end(),
                      bytes.begin());
}

std::string tensor_text(const Tensor& tensor, const PrintOptions& options) {
    const bool decimals = has_decimals(tensor);
    if (decimals && is_uniform(tensor)) return fmt::format("fill({})", element_text(tensor, 0));
    const bool strings = tensor.dtype() == DType::kString;
    const bool small = tensor.elements() <= (options.shortened ? 8 : kMaxDecimals);
    if (!small && options.shortened) return "...";
    if (strings || (decimals && small)) {
        std::string text = "{";
        for (std::int64_t i = 0; i < tensor.elements(); ++i) {
            if (i > 0) text += ", ";
            text += element_text(tensor, static_cast<std::size_t>(i));
        }
        return text + "}";
    }
    return fmt::format("hex \"{}\"", to_hex(tensor.bytes()));
}

std::string type_text(const std::optional<DType>& dtype, const std::optional<Shape>& shape) {
    std::string extents = shape ? shape->to_string() : "*";
    if (extents == "scalar") extents.clear();
    return fmt::format("{}[{}]", dtype ? dtype_name(*dtype) : "?", extents);
}

class Printer final {
public:
    explicit Printer(const PrintOptions& options) : options_(options) {}

    void graph(const Graph& graph, int depth) {
        const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
        const std::string inner = indent + "  ";
        text += "graph " + quoted(graph.name) + " {\n";
        for (const auto& [key, value] : graph.metadata) {
            text += fmt::format("{}metadata {} = {}\n", inner, quoted(key), quoted(value));
        }
        for (ValueId id : graph.inputs) text += inner + "input " + declaration(graph, id) + "\n";
        for (ValueId id : graph.captures) {
            text += inner + "capture " + declaration(graph, id) + "\n";
        }
        for (std::size_t i = 0; i < graph.values.size(); ++i) {
            if (!graph.values[i].constant) continue;
            const ValueId id(static_cast<std::uint32_t>(i));
            text += fmt::format("{}const {} = {}\n", inner, declaration(graph, id),
                                tensor_text(*graph.values[i].constant, options_));
        }
        for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
            text += inner;
            node(graph, i, depth + 1);
            text += "\n";
        }
        for (ValueId id : graph.outputs) text += inner + "output " + reference(graph, id) + "\n";
        text += indent + "}";
    }

    std::string text;

private:
    static std::string reference(const Graph& graph, ValueId id) {
        return id == kNoValue ? "_" : "%" + word(graph.value(id).name);
    }

    static std::string declaration(const Graph& graph, ValueId id) {
        if (id == kNoValue) return "_";
        const Value& value = graph.value(id);
        std::string text = reference(graph, id);
        const bool typed = value.dtype || value.shape || value.kind != ValueKind::kTensor;
        if (typed) {
            text += ": " + std::string(kind_prefix(value.kind));
            text += type_text(value.dtype, value.shape);
        }
        if (value.quantization) {
            const Quantization& q = *value.quantization;
            text += fmt::format(" quant({} {} {})", listed(q.scales, float_text),
                                listed(q.zero_points, [](auto z) { return fmt::format("{}", z); }),
                                q.axis);
        }
        return text;
    }

    static std::string_view kind_prefix(ValueKind kind) {
        switch (kind) {
            case ValueKind::kTensor: return "";
            case ValueKind::kSequence: return "sequence ";
            case ValueKind::kOptional: return "optional ";
            case ValueKind::kOptionalSequence: return "optional sequence ";
            case ValueKind::kMap: return "map ";
        }
        return "";
    }

    void node(const Graph& graph, std::size_t index, int depth) {
        const Node& node = graph.nodes[index];
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            text += (i > 0 ? ", " : "") + declaration(graph, node.outputs[i]);
        }
        text += node.outputs.empty() ? "= " : " = ";
        if (!node.domain.empty()) text += word(node.domain) + "::";
        text += word(node.op) + "(";
        for (std::size_t i = 0; i < node.inputs.size(); ++i) {
            text += (i > 0 ? ", " : "") + reference(graph, node.inputs[i]);
        }
        text += ")";
        if (node.opset != default_opset(node.domain)) text += fmt::format(" @{}", node.opset);
        if (node.name != default_node_name(node.op, index)) text += " " + quoted(node.name);
        if (node.attributes.empty()) return;
        text += " {";
        bool first = true;
        for (const auto& [name, attribute] : node.attributes) {
            text += (first ? "" : ", ") + word(name) + " = ";
            std::visit([&](const auto& value) { this->attribute(value, depth); }, attribute);
            first = false;
        }
        text += "}";
    }

    void attribute(std::int64_t value, int) { text += fmt::format("{}", value); }
    void attribute(float value, int) { text += float_text(value); }
    void attribute(const std::string& value, int) { text += quoted(value); }
    void attribute(const std::vector<std::int64_t>& values, int) {
        text +=
            values.empty() ? "ints[]" : listed(values, [](auto x) { return fmt::format("{}", x); });
    }
    void attribute(const std::vector<float>& values, int) {
        text += values.empty() ? "floats[]" : listed(values, float_text);
    }
    void attribute(const std::vector<std::string>& values, int) {
        text += values.empty() ? "strings[]" : listed(values, quoted);
    }
    void attribute(const Tensor& tensor, int) {
        text += fmt::format("tensor {} = {}", type_text(tensor.dtype(), tensor.shape()),
                            tensor_text(tensor, options_));
    }
    void attribute(const SubgraphPtr& body, int depth) { graph(*body, depth); }

    const PrintOptions options_;
};

}  // namespace

std::string print(const Graph& graph, const PrintOptions& options) {
    Printer printer(options);
    printer.graph(graph, 0);
    return printer.text + "\n";
}

}  // namespace hf::graph
