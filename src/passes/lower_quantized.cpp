// lower-quantized: layers between DequantizeLinear and QuantizeLinear become int8 operators of the
// domain hf (graph/hf_ops.md), in the order in which ONNX's QLinear operators compute. Runs before
// constants are folded, while weights still are the bytes of the file. What is not taken stays f32
// between its two conversions.

#include <algorithm>
#include <cmath>
#include <limits>

#include "passes/images.h"
#include "passes/operators.h"
#include "passes/pass.h"
#include "passes/quantized.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// The bias as 32-bit multiples of x_scale * w_scale, from f32 or from integers of any scale.
std::optional<Tensor> bias_of(const Editor& editor, ValueId id, const Affine& x,
                              const std::vector<float>& scales) {
    const auto count = static_cast<std::int64_t>(scales.size());
    Tensor bias(DType::kI32, {count});
    if (id == kNoValue) return bias;
    const Tensor* reals = editor.constant(id);
    const Tensor* stored = nullptr;
    const Tensor* factor = nullptr;
    if (const Node* node = maker_of(editor, id, "DequantizeLinear"); !reals && node) {
        stored = editor.constant(input(*node, 0));
        factor = editor.constant(input(*node, 1));
        const Tensor* zero = editor.constant(input(*node, 2));
        const bool shifted = zero && std::any_of(zero->bytes().begin(), zero->bytes().end(),
                                                 [](std::uint8_t byte) { return byte != 0; });
        if (!stored || stored->dtype() != DType::kI32 || stored->elements() != count || !factor ||
            factor->dtype() != DType::kF32 || shifted || (input(*node, 2) != kNoValue && !zero) ||
            (factor->elements() != 1 && factor->elements() != count)) {
            return std::nullopt;
        }
    } else if (!reals || reals->dtype() != DType::kF32 || reals->elements() != count) {
        return std::nullopt;
    }
    for (std::size_t i = 0; i < scales.size(); ++i) {
        const double unit = double{x.scale * scales[i]};
        const double real = reals
                                ? double{reals->values<float>()[i]}
                                : double{factor->values<float>()[factor->elements() == 1 ? 0 : i]} *
                                      stored->values<std::int32_t>()[i];
        // Of a unit of 0 or infinity only 0 is a multiple.
        if (real != 0 && !(unit > 0 && std::isfinite(unit))) return std::nullopt;
        const double multiple = real != 0 ? std::nearbyint(real / unit) : 0;
        if (!(std::abs(multiple) < std::numeric_limits<std::int32_t>::max())) return std::nullopt;
        bias.mutable_values<std::int32_t>()[i] = static_cast<std::int32_t>(multiple);
    }
    return bias;
}

// x_scale * w_scale / y_scale, in single precision and in this order.
Tensor factors_of(const Affine& x, const std::vector<float>& scales, const Affine& y) {
    Tensor factors(DType::kF32, {static_cast<std::int64_t>(scales.size())});
    for (std::size_t i = 0; i < scales.size(); ++i) {
        factors.mutable_values<float>()[i] = x.scale * scales[i] / y.scale;
    }
    return factors;
}

void set_stored(Node& node, const QuantizedEnd& end) {
    node.attributes["y_zero"] = end.affine.zero;
    node.attributes["y_min"] = end.min;
    node.attributes["y_max"] = end.max;
}

void erase(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    editor.erase(index);
    for (const std::size_t node : end.nodes) editor.erase(node);
}

void lower_conv(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    const Node node = editor.node(index);
    const auto x = dequantized(editor, node.inputs[0]);
    const auto weights = x ? quantized_weights(editor, input(node, 1), 0) : std::nullopt;
    const Shape* in = x ? editor.known_shape(x->stored) : nullptr;
    const Shape* out = editor.known_shape(node.outputs[0]);
    if (!weights || !in || !out || in->rank() != 4 || weights->stored.shape().rank() != 4 ||
        in->elements() == 0 || out->elements() == 0) {
        return;
    }
    const Shape& w = weights->stored.shape();
    const std::int64_t group = node.int_or("group", 1);
    const bool depthwise = group == (*in)[1] && group == w[0] && w[1] == 1;
    const auto window = window_of(node, {w[2], w[3]}, *in, *out);
    const auto bias = bias_of(editor, input(node, 2), x->affine, weights->scales);
    if ((group != 1 && !depthwise) || !window || !bias) return;
    Node lowered;
    lowered.name = node.name;
    lowered.op = "QConv2d";
    lowered.attributes = attributes_of(*window);
    lowered.attributes["dilations"] =
        std::vector<std::int64_t>{window->dilations[0], window->dilations[1]};
    lowered.attributes["group"] = group;
    lowered.attributes["x_zero"] = x->affine.zero;
    set_stored(lowered, end);
    const Tensor factors = factors_of(x->affine, weights->scales, end.affine);
    lowered.inputs = {
        x->stored, editor.fresh_constant(node.name + "_weights", turned_weights(weights->stored)),
        editor.fresh_constant(node.name + "_bias", *bias),
        editor.fresh_constant(node.name + "_factors", factors)};
    lowered.outputs = {end.output};
    insert_in_nhwc(editor, end.last(), std::move(lowered));
    erase(editor, index, end);
}

// [rows, columns] to [columns, rows].
Tensor transposed(const Tensor& matrix) {
    const auto rows = static_cast<std::size_t>(matrix.shape()[0]);
    const auto columns = static_cast<std::size_t>(matrix.shape()[1]);
    Tensor out(DType::kI8, {matrix.shape()[1], matrix.shape()[0]});
    for (std::size_t i = 0; i < rows * columns; ++i) {
        out.mutable_bytes()[i % columns * rows + i / columns] = matrix.bytes()[i];
    }
    return out;
}

// Gemm without factors, and MatMul by one matrix.
void lower_gemm(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    const Node node = editor.node(index);
    const bool turned = is_onnx(node, "Gemm") && node.int_or("transB", 0) != 0;
    const bool plain = node.int_or("transA", 0) == 0 && node.float_or("alpha", 1) == 1 &&
                       node.float_or("beta", 1) == 1;
    const auto x = dequantized(editor, node.inputs[0]);
    const auto weights =
        x ? quantized_weights(editor, input(node, 1), turned ? 0 : 1) : std::nullopt;
    const Shape* in = x ? editor.known_shape(x->stored) : nullptr;
    if (!plain || !weights || weights->stored.shape().rank() != 2 || !in || in->rank() < 2 ||
        weights->stored.elements() == 0) {
        return;
    }
    const auto bias = bias_of(editor, input(node, 2), x->affine, weights->scales);
    if (!bias) return;
    Node lowered{node.name, "hf", "QGemm", 0, {x->stored}, {end.output}, {}};
    lowered.attributes["x_zero"] = x->affine.zero;
    set_stored(lowered, end);
    const Tensor factors = factors_of(x->affine, weights->scales, end.affine);
    const Tensor columns = turned ? weights->stored : transposed(weights->stored);
    lowered.inputs.push_back(editor.fresh_constant(node.name + "_weights", columns));
    lowered.inputs.push_back(editor.fresh_constant(node.name + "_bias", *bias));
    lowered.inputs.push_back(editor.fresh_constant(node.name + "_factors", factors));
    editor.insert_before(end.last(), std::move(lowered));
    erase(editor, index, end);
}

void lower_add(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    const Node& node = editor.node(index);
    if (node.inputs.size() != 2) return;
    const auto a = dequantized(editor, node.inputs[0]), b = dequantized(editor, node.inputs[1]);
    if (!a || !b) return;
    const Shape* left = editor.known_shape(a->stored);
    const Shape* right = editor.known_shape(b->stored);
    if (!left || !right || *left != *right) return;
    Node lowered{node.name, "hf", "QAdd", 0, {a->stored, b->stored}, {end.output}, {}};
    lowered.attributes["a_zero"] = a->affine.zero;
    lowered.attributes["b_zero"] = b->affine.zero;
    lowered.attributes["a_factor"] = a->affine.scale / end.affine.scale;
    lowered.attributes["b_factor"] = b->affine.scale / end.affine.scale;
    set_stored(lowered, end);
    editor.insert_before(end.last(), std::move(lowered));
    erase(editor, index, end);
}

// Whether an AveragePool has one window, the whole image.
bool is_global(const Node& node, const Shape& in) {
    const auto kernel = node.ints_or("kernel_shape", {});
    const auto pads = node.ints_or("pads", {});
    return kernel == std::vector<std::int64_t>{in[2], in[3]} &&
           std::all_of(pads.begin(), pads.end(), [](std::int64_t pad) { return pad == 0; }) &&
           !node.string_or("auto_pad", "NOTSET").starts_with("SAME");
}

void lower_mean(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    const Node& node = editor.node(index);
    const auto x = dequantized(editor, node.inputs[0]);
    const Shape* in = x ? editor.known_shape(x->stored) : nullptr;
    if (!in || in->rank() != 4 || in->elements() == 0 ||
        (is_onnx(node, "AveragePool") && !is_global(node, *in))) {
        return;
    }
    Node lowered;
    lowered.name = node.name;
    lowered.op = "QMean";
    lowered.attributes["x_zero"] = x->affine.zero;
    const auto pixels = static_cast<float>((*in)[2] * (*in)[3]);
    lowered.attributes["factor"] = x->affine.scale / (pixels * end.affine.scale);
    set_stored(lowered, end);
    lowered.inputs = {x->stored};
    lowered.outputs = {end.output};
    insert_in_nhwc(editor, end.last(), std::move(lowered));
    erase(editor, index, end);
}

// What only moves or chooses elements works on the stored ones, where both ends have one scale.
void lower_move(Editor& editor, std::size_t index, const QuantizedEnd& end) {
    Node moved = editor.node(index);
    const auto x = dequantized(editor, moved.inputs[0]);
    if (!x || x->affine != end.affine || end.min != -128 || end.max != 127) return;
    moved.inputs[0] = x->stored;
    moved.outputs = {end.output};
    editor.insert_before(end.last(), std::move(moved));
    erase(editor, index, end);
}

void lower(Editor& editor, std::size_t index) {
    const Node& node = editor.node(index);
    if (editor.is_erased(index) || !node.domain.empty() || node.outputs.size() != 1 ||
        node.outputs[0] == kNoValue || node.inputs.empty() || node.inputs[0] == kNoValue) {
        return;
    }
    using Lowering = void (*)(Editor&, std::size_t, const QuantizedEnd&);
    static constexpr std::pair<std::string_view, Lowering> kLowerings[] = {
        {"Conv", lower_conv},        {"Gemm", lower_gemm},    {"MatMul", lower_gemm},
        {"Add", lower_add},          {"Sum", lower_add},      {"GlobalAveragePool", lower_mean},
        {"AveragePool", lower_mean}, {"MaxPool", lower_move}, {"Flatten", lower_move},
        {"Reshape", lower_move},     {"Squeeze", lower_move}, {"Unsqueeze", lower_move},
        {"Transpose", lower_move}};
    for (const auto& [op, lowering] : kLowerings) {
        if (node.op != op) continue;
        if (const auto end = quantized_end(editor, node.outputs[0])) lowering(editor, index, *end);
        return;
    }
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    const bool any = std::any_of(graph.nodes.begin(), graph.nodes.end(),
                                 [](const Node& node) { return is_onnx(node, "QuantizeLinear"); });
    if (!any) return false;
    bool changed = false;
    {
        Editor editor(graph);
        make_signed(editor);
        changed = editor.finish();
    }
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) lower(editor, i);
    return editor.finish() || changed;
}

}  // namespace

Pass lower_quantized_pass() {
    return {"lower-quantized", "layers between conversions from and to int8 work on int8", run};
}

}  // namespace hf::passes
