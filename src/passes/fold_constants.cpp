// fold-constants: nodes whose inputs are all constants are computed now. Only where the size of the
// result is known before, so that a small file cannot ask for endless memory; operators that draw
// random numbers or hold bodies are left alone, and so is a node that fails: it fails when it runs.

#include <algorithm>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// Bytes of all outputs; nullopt when one is unknown, too large, or must keep its node.
std::optional<std::uint64_t> output_bytes(const Editor& editor, const Node& node) {
    std::uint64_t bytes = 0;
    for (ValueId id : node.outputs) {
        if (id == kNoValue) continue;
        const Shape* shape = editor.known_shape(id);
        const graph::Value& value = editor.value(id);
        if (!shape || !value.dtype || editor.is_pinned(id) || !shape->check().ok() ||
            value.kind != graph::ValueKind::kTensor) {
            return std::nullopt;
        }
        constexpr std::uint64_t kBytesOfAString = 32;
        const std::uint64_t size =
            *value.dtype == DType::kString ? kBytesOfAString : dtype_size(*value.dtype);
        bytes += static_cast<std::uint64_t>(shape->elements()) * size;
        if (bytes > kMaxFoldedBytes) return std::nullopt;
    }
    return bytes;
}

bool is_foldable(const Editor& editor, const Node& node) {
    if (is_random(node) || has_body(node)) return false;
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
        return id == kNoValue || editor.constant(id) != nullptr;
    });
}

Result<bool> run(graph::Graph& graph, const PassContext& context) {
    if (!context.evaluate) return false;
    Editor editor(graph);
    std::uint64_t folded_bytes = 0;
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        if (!is_foldable(editor, node)) continue;
        const auto bytes = output_bytes(editor, node);
        if (!bytes || folded_bytes + *bytes > kMaxFoldedBytesInAll) continue;
        std::vector<Tensor> inputs;
        for (ValueId id : node.inputs) {
            inputs.push_back(id == kNoValue ? Tensor() : *editor.constant(id));
        }
        Result<std::vector<Tensor>> outputs = context.evaluate(graph, node, inputs);
        if (!outputs.ok() || outputs->size() < node.outputs.size()) continue;
        bool fits = true;
        for (std::size_t k = 0; k < node.outputs.size(); ++k) {
            if (node.outputs[k] == kNoValue) continue;
            const graph::Value& value = editor.value(node.outputs[k]);
            fits = fits && !(*outputs)[k].is_null() && value.dtype == (*outputs)[k].dtype() &&
                   value.shape == (*outputs)[k].shape();
        }
        if (!fits) continue;
        folded_bytes += *bytes;
        for (std::size_t k = 0; k < node.outputs.size(); ++k) {
            if (node.outputs[k] == kNoValue) continue;
            graph.value(node.outputs[k]).constant = std::move((*outputs)[k]);
        }
        editor.erase(i);
    }
    return editor.finish();
}

}  // namespace

Pass fold_constants_pass() {
    return {"fold-constants", "nodes of constants are computed now", run};
}

}  // namespace hf::passes
