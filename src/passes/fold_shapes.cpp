// fold-shapes: values whose elements follow from shapes alone (Shape of a known shape, and the
// arithmetic behind it) become constants.

#include <algorithm>

#include "graph/infer.h"
#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::ValueId;

template <typename T>
Tensor tensor_of(DType dtype, const Shape& shape, const graph::Content& content) {
    Tensor tensor(dtype, shape);
    const auto values = tensor.mutable_values<T>();
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(content[i]);
    return tensor;
}

Tensor to_tensor(const graph::Value& value, const graph::Content& content) {
    switch (*value.dtype) {
        case DType::kI64: return tensor_of<std::int64_t>(DType::kI64, *value.shape, content);
        case DType::kI32: return tensor_of<std::int32_t>(DType::kI32, *value.shape, content);
        case DType::kBool: return tensor_of<std::uint8_t>(DType::kBool, *value.shape, content);
        default: return tensor_of<float>(DType::kF32, *value.shape, content);
    }
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    graph::Contents contents;
    HF_TRY(graph::infer_shapes(graph, {}, &contents));
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        graph::Node& node = editor.node(i);
        if (has_body(node) || node.outputs.size() != 1 || node.outputs[0] == kNoValue) continue;
        const ValueId id = node.outputs[0];
        const auto& content = contents.by_value[id.value()];
        if (!content || editor.is_pinned(id)) continue;
        const auto unknown = [](double element) { return std::isnan(element); };
        if (std::any_of(content->begin(), content->end(), unknown)) continue;
        graph.value(id).constant = to_tensor(graph.value(id), *content);
        editor.erase(i);
    }
    return editor.finish();
}

}  // namespace

Pass fold_shapes_pass() {
    return {"fold-shapes", "what follows from shapes alone becomes constant", run};
}

}  // namespace hf::passes
