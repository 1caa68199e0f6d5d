// lower-gemm: matrix products with constant weights become hf.Gemm (graph/hf_ops.md): the weights
// with their columns as rows, the bias one value a column. Takes Gemm without factors and MatMul of
// rows, however many axes they have, and one matrix.

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

Tensor transposed(const Tensor& matrix) {
    const std::int64_t rows = matrix.shape()[0], columns = matrix.shape()[1];
    Tensor out(DType::kF32, {columns, rows});
    const auto from = matrix.values<float>();
    const auto to = out.mutable_values<float>();
    for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
            to[static_cast<std::size_t>(j * rows + i)] =
                from[static_cast<std::size_t>(i * columns + j)];
        }
    }
    return out;
}

// f32 matrices, the second a constant, without factors.
bool fits(const Editor& editor, const Node& node) {
    const bool gemm = is_onnx(node, "Gemm");
    if ((!gemm && !is_onnx(node, "MatMul")) || node.inputs.size() < 2 || node.outputs.size() != 1 ||
        node.inputs[0] == kNoValue || node.outputs[0] == kNoValue) {
        return false;
    }
    const Tensor* weights = editor.constant(node.inputs[1]);
    const auto& shape = editor.value(node.inputs[0]).shape;
    if (!weights || weights->dtype() != DType::kF32 || weights->shape().rank() != 2 ||
        weights->elements() == 0 || !shape || (gemm ? shape->rank() != 2 : shape->rank() < 2) ||
        !editor.is(node.inputs[0], DType::kF32)) {
        return false;
    }
    return !gemm || (node.opset >= 7 && node.int_or("transA", 0) == 0 &&
                     node.float_or("alpha", 1) == 1 && node.float_or("beta", 1) == 1);
}

// The added constant as one value a column; nullopt when it differs from row to row.
std::optional<Tensor> bias_of(const Tensor& c, std::int64_t columns) {
    if (c.dtype() != DType::kF32) return std::nullopt;
    const Shape& shape = c.shape();
    const auto values = c.values<float>();
    const bool one_row = shape.rank() < 2 || (shape.rank() == 2 && shape[0] == 1);
    const bool fits = values.size() == 1 || static_cast<std::int64_t>(values.size()) == columns;
    if (!one_row || !fits) return std::nullopt;
    Tensor bias(DType::kF32, {columns});
    const auto to = bias.mutable_values<float>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = values[values.size() == 1 ? 0 : i];
    return bias;
}

void lower(Editor& editor, std::size_t index) {
    const Node node = editor.node(index);
    const Tensor weights = *editor.constant(node.inputs[1]);
    const bool turned = is_onnx(node, "Gemm") && node.int_or("transB", 0) != 0;
    const std::int64_t columns = weights.shape()[turned ? 0 : 1];
    Node lowered{node.name, "hf", "Gemm", 0, {node.inputs[0]}, node.outputs, {}};
    lowered.attributes["activation"] = std::string("none");
    std::optional<Tensor> bias;
    if (input(node, 2) != kNoValue) {
        const Tensor* c = editor.constant(node.inputs[2]);
        if (c) bias = bias_of(*c, columns);
        if (!bias) return;
    }
    lowered.inputs.push_back(
        turned ? node.inputs[1]
               : editor.fresh_constant(editor.value(node.inputs[1]).name, transposed(weights)));
    if (bias) lowered.inputs.push_back(editor.fresh_constant(node.name + "_bias", *bias));
    editor.erase(index);
    editor.insert_after(index, std::move(lowered));
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        if (fits(editor, editor.node(i))) lower(editor, i);
    }
    return editor.finish();
}

}  // namespace

Pass lower_gemm_pass() {
    return {"lower-gemm", "matrix products with constant weights in one form", run};
}

}  // namespace hf::passes
