// merge-duplicates: of nodes that do the same to the same values, one is enough; small constants
// with the same bytes are one value, so that such nodes are found.

#include <map>

#include "graph/text.h"
#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

constexpr std::size_t kMaxComparedBytes = 1024;

void merge_constants(Editor& editor) {
    std::map<std::string, ValueId> known;
    const std::size_t count = editor.graph().values.size();
    for (std::size_t i = 0; i < count; ++i) {
        const ValueId id(static_cast<std::uint32_t>(i));
        const Tensor* tensor = editor.constant(id);
        if (!tensor || tensor->dtype() == DType::kString || editor.is_pinned(id) ||
            editor.value(id).quantization || tensor->bytes().size() > kMaxComparedBytes) {
            continue;
        }
        std::string key =
            fmt::format("{} {} ", dtype_name(tensor->dtype()), tensor->shape().to_string());
        key += as_text(tensor->bytes());
        const auto [first, is_new] = known.emplace(std::move(key), id);
        if (!is_new && !editor.takers(id).empty()) editor.redirect(id, first->second);
    }
}

// Appends what tells attributes apart; false where comparing would cost too much.
struct AddAttribute {
    std::string& key;

    bool operator()(std::int64_t value) const { return add(fmt::format("i{}", value)); }
    bool operator()(float value) const { return add(as_text(view(&value, 1)), 'f'); }
    bool operator()(const std::string& value) const {
        return add(fmt::format("s{} {}", value.size(), value));
    }
    bool operator()(const std::vector<std::int64_t>& values) const {
        return add(as_text(view(values.data(), values.size())), 'I', values.size());
    }
    bool operator()(const std::vector<float>& values) const {
        return add(as_text(view(values.data(), values.size())), 'F', values.size());
    }
    bool operator()(const std::vector<std::string>& values) const {
        key += fmt::format("S{} ", values.size());
        for (const std::string& value : values) (*this)(value);
        return true;
    }
    bool operator()(const Tensor& tensor) const {
        if (tensor.dtype() == DType::kString || tensor.bytes().size() > kMaxComparedBytes) {
            return false;
        }
        key += fmt::format("{} {} ", dtype_name(tensor.dtype()), tensor.shape().to_string());
        return add(as_text(tensor.bytes()), 'T');
    }
    bool operator()(const graph::SubgraphPtr&) const { return false; }

private:
    template <typename T>
    static ByteView view(const T* values, std::size_t count) {
        return {reinterpret_cast<const std::uint8_t*>(values), count * sizeof(T)};
    }
    bool add(std::string_view text, char kind = ' ', std::size_t count = 0) const {
        key += fmt::format("{}{} ", kind, count);
        key += text;
        return true;
    }
};

// Equal keys: the same operator on the same values. nullopt for nodes that are never merged.
std::optional<std::string> key_of(const Node& node) {
    if (is_random(node)) return std::nullopt;
    std::string key =
        fmt::format("{} {} {} {} ", node.domain, node.op, node.opset, node.outputs.size());
    for (ValueId id : node.inputs) key += fmt::format("{} ", id.value());
    for (ValueId id : node.outputs) key += id == kNoValue ? '-' : '+';
    for (const auto& [name, attribute] : node.attributes) {
        key += fmt::format(" {}=", name);
        if (!std::visit(AddAttribute{key}, attribute)) return std::nullopt;
    }
    return key;
}

bool same_quantization(const graph::Value& a, const graph::Value& b) {
    if (!a.quantization || !b.quantization) return !a.quantization && !b.quantization;
    return a.quantization->scales == b.quantization->scales &&
           a.quantization->zero_points == b.quantization->zero_points &&
           a.quantization->axis == b.quantization->axis;
}

// Whether each output of `twin` can give way to that of `first`.
bool can_replace(const Editor& editor, const Node& twin, const Node& first) {
    for (std::size_t i = 0; i < twin.outputs.size(); ++i) {
        if (twin.outputs[i] == kNoValue) continue;
        if (editor.is_pinned(twin.outputs[i]) ||
            !same_quantization(editor.value(twin.outputs[i]), editor.value(first.outputs[i]))) {
            return false;
        }
    }
    return true;
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    merge_constants(editor);
    std::map<std::string, std::size_t> known;
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        std::optional<std::string> key = key_of(editor.node(i));
        if (!key) continue;
        const auto [first, is_new] = known.emplace(*std::move(key), i);
        const std::size_t original = first->second;
        if (is_new || !can_replace(editor, editor.node(i), editor.node(original))) continue;
        const std::vector<ValueId> outputs = editor.node(i).outputs;
        editor.erase(i);
        for (std::size_t k = 0; k < outputs.size(); ++k) {
            if (outputs[k] != kNoValue) {
                editor.redirect(outputs[k], editor.node(original).outputs[k]);
            }
        }
    }
    return editor.finish();
}

}  // namespace

Pass merge_duplicates_pass() {
    return {"merge-duplicates", "one node where several compute the same", run};
}

}  // namespace hf::passes
