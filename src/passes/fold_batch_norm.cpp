// fold-batch-norm: a BatchNormalization with constant statistics is y = x * scale + shift for each
// channel. Behind a Conv or Gemm with constant weights that nothing else takes, it goes into
// weights and bias; elsewhere it becomes Mul and Add. Factors are computed in double precision.

#include <array>
#include <cmath>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

struct Affine {
    std::vector<double> scale, shift;  // one a channel
};

// The four constants of the node as one multiplication and one addition.
std::optional<Affine> affine_of(const Editor& editor, const Node& node) {
    const bool training = node.opset >= 14 && node.int_or("training_mode", 0) != 0;
    const bool per_element = node.opset < 9 && node.int_or("spatial", 1) == 0;
    const bool old_training = node.opset < 7 && node.int_or("is_test", 0) == 0;
    bool extra = false;
    for (std::size_t i = 1; i < node.outputs.size(); ++i) extra |= node.outputs[i] != kNoValue;
    if (!is_onnx(node, "BatchNormalization") || node.inputs.size() != 5 || training || extra ||
        node.inputs[0] == kNoValue || per_element || old_training || node.outputs.empty() ||
        node.outputs[0] == kNoValue || !editor.is(node.outputs[0], DType::kF32)) {
        return std::nullopt;
    }
    std::array<std::span<const float>, 4> rows;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const Tensor* tensor = editor.constant(node.inputs[i + 1]);
        if (!tensor || tensor->dtype() != DType::kF32) return std::nullopt;
        rows[i] = tensor->values<float>();
        if (rows[i].size() != rows[0].size()) return std::nullopt;
    }
    const double epsilon = node.float_or("epsilon", 1e-5f);
    Affine affine;
    for (std::size_t c = 0; c < rows[0].size(); ++c) {
        const double scale = rows[0][c] / std::sqrt(rows[3][c] + epsilon);
        affine.scale.push_back(scale);
        affine.shift.push_back(rows[1][c] - rows[2][c] * scale);
        if (!std::isfinite(scale) || !std::isfinite(affine.shift.back())) return std::nullopt;
    }
    return affine;
}

Tensor vector_tensor(const std::vector<double>& values, Shape shape) {
    Tensor tensor(DType::kF32, std::move(shape));
    const auto to = tensor.mutable_values<float>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<float>(values[i]);
    return tensor;
}

// Each filter's weights times its factor: filters are `axis` of `weights`.
Tensor scaled(const Tensor& weights, std::size_t axis, const std::vector<double>& factors) {
    Tensor out(DType::kF32, weights.shape());
    const std::vector<std::int64_t> strides = weights.shape().strides();
    const auto extent = static_cast<std::size_t>(weights.shape()[axis]);
    const auto from = weights.values<float>();
    const auto to = out.mutable_values<float>();
    for (std::size_t i = 0; i < to.size(); ++i) {
        const std::size_t filter = i / static_cast<std::size_t>(strides[axis]) % extent;
        to[i] = static_cast<float>(static_cast<double>(from[i]) * factors[filter]);
    }
    return out;
}

// The layer in front, when its weights and bias are constants that fit.
struct Layer {
    std::size_t index;
    std::size_t filter_axis;
    std::vector<float> bias;  // one a filter
};

std::optional<Layer> layer_before(const Editor& editor, graph::ValueId input,
                                  std::size_t channels) {
    const auto maker = editor.maker(input);
    if (!maker || !editor.has_one_taker(input)) return std::nullopt;
    const Node& node = editor.node(*maker);
    const bool gemm = is_onnx(node, "Gemm") && node.opset >= 7 && node.float_or("alpha", 1) == 1 &&
                      node.float_or("beta", 1) == 1;
    if (!gemm && !is_onnx(node, "Conv")) return std::nullopt;
    Layer layer{*maker, 0, std::vector<float>(channels, 0)};
    if (gemm) layer.filter_axis = node.int_or("transB", 0) != 0 ? 0 : 1;
    const Tensor* weights = node.inputs.size() > 1 ? editor.constant(node.inputs[1]) : nullptr;
    if (!weights || weights->dtype() != DType::kF32 ||
        layer.filter_axis >= weights->shape().rank() ||
        weights->shape()[layer.filter_axis] != static_cast<std::int64_t>(channels)) {
        return std::nullopt;
    }
    if (node.inputs.size() < 3 || node.inputs[2] == kNoValue) return layer;
    const Tensor* bias = editor.constant(node.inputs[2]);
    if (!bias || bias->dtype() != DType::kF32 || bias->shape().rank() > 2 ||
        (bias->shape().rank() == 2 && bias->shape()[0] != 1)) {
        return std::nullopt;
    }
    const auto values = bias->values<float>();
    if (values.size() != channels && values.size() != 1) return std::nullopt;
    for (std::size_t c = 0; c < channels; ++c) layer.bias[c] = values[values.size() == 1 ? 0 : c];
    return layer;
}

void fold_into(Editor& editor, const Layer& layer, std::size_t index, const Affine& affine) {
    Node& node = editor.node(layer.index);
    std::vector<double> bias;
    for (std::size_t c = 0; c < layer.bias.size(); ++c) {
        bias.push_back(layer.bias[c] * affine.scale[c] + affine.shift[c]);
    }
    const auto channels = static_cast<std::int64_t>(bias.size());
    Tensor weights = scaled(*editor.constant(node.inputs[1]), layer.filter_axis, affine.scale);
    editor.set_input(layer.index, 1,
                     editor.fresh_constant(node.name + "_weights", std::move(weights)));
    editor.set_input(layer.index, 2,
                     editor.fresh_constant(node.name + "_bias", vector_tensor(bias, {channels})));
    const ValueId output = editor.node(index).outputs[0];
    editor.erase(index);
    node.outputs[0] = output;
}

// Mul and Add by [channels, 1, ...], which broadcasts along axis 1.
void spell_out(Editor& editor, std::size_t index, const Affine& affine) {
    const Node node = editor.node(index);
    const std::size_t rank = editor.value(node.inputs[0]).shape->rank();
    std::vector<std::int64_t> extents(rank - 1, 1);
    extents[0] = static_cast<std::int64_t>(affine.scale.size());
    const Shape shape(extents);
    const ValueId scale =
        editor.fresh_constant(node.name + "_scale", vector_tensor(affine.scale, shape));
    const ValueId shift =
        editor.fresh_constant(node.name + "_shift", vector_tensor(affine.shift, shape));
    const ValueId product =
        editor.fresh(node.name + "_scaled", DType::kF32, editor.value(node.outputs[0]).shape);
    constexpr std::int64_t kOpset = 13;
    editor.insert_before(
        index, {node.name + "_mul", "", "Mul", kOpset, {node.inputs[0], scale}, {product}, {}});
    editor.insert_before(
        index, {node.name + "_add", "", "Add", kOpset, {product, shift}, {node.outputs[0]}, {}});
    editor.erase(index);
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        if (editor.is_erased(i)) continue;
        const std::optional<Affine> affine = affine_of(editor, editor.node(i));
        if (!affine) continue;
        const ValueId input = editor.node(i).inputs[0];
        const std::size_t channels = affine->scale.size();
        if (const auto layer = layer_before(editor, input, channels)) {
            fold_into(editor, *layer, i, *affine);
        } else if (const auto& shape = editor.value(input).shape;
                   shape && shape->rank() >= 2 && editor.node(i).opset >= 7) {
            spell_out(editor, i, *affine);
        }
    }
    return editor.finish();
}

}  // namespace

Pass fold_batch_norm_pass() {
    return {"fold-batch-norm", "batch normalisation goes into the layer before it", run};
}

}  // namespace hf::passes
