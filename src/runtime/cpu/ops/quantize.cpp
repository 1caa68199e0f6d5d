// Conversions between fp32 and int8 of TFLite and ONNX, and int8 arithmetic by ONNX's rules.

#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

Drafts affine_draft(const NodeView& view, std::string_view kernel, const Affine& affine) {
    if (view.shape(0).elements() == 0) return unimplemented("there is nothing to convert");
    Draft draft;
    draft.kernel = kernel;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {affine.zero, view.node.domain.empty() ? 1 : 0};
    draft.floats = {affine.scale};
    return alone(std::move(draft));
}

Drafts draft_quantize(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kF32));
    if (*view.output().dtype != DType::kI8) return unimplemented("the output is not i8");
    return affine_draft(view, "simd.quantize_i8", HF_TRY(affine_of(view.output())));
}

Drafts draft_dequantize(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    return affine_draft(view, "simd.dequantize_i8", HF_TRY(affine_of(view.input(0))));
}

// Of ONNX's operators: one scale and an i8 zero point, both constant.
Result<Affine> onnx_affine(const NodeView& view) {
    const Tensor scale = HF_TRY(need_constant(view, 1, DType::kF32));
    const Tensor zero = HF_TRY(need_constant(view, 2, DType::kI8));
    if (scale.elements() != 1 || zero.elements() != 1)
        return unimplemented("it has several scales");
    const Affine affine{scale.values<float>()[0], zero.values<std::int8_t>()[0]};
    if (!(affine.scale > 0)) return unimplemented("the scale is {}", affine.scale);
    return affine;
}

Drafts draft_onnx_quantize(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kF32));
    return affine_draft(view, "simd.quantize_i8", HF_TRY(onnx_affine(view)));
}

Drafts draft_onnx_dequantize(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    return affine_draft(view, "simd.dequantize_i8", HF_TRY(onnx_affine(view)));
}

Drafts draft_add(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    HF_TRY(need_dtype(view, 1, DType::kI8));
    if (view.out_shape().elements() == 0) return unimplemented("there is nothing to add");
    const graph::Node& node = view.node;
    Draft draft;
    draft.kernel = "simd.add_real_i8";
    draft.inputs = {DraftInput::of(node.inputs[0]), DraftInput::of(node.inputs[1])};
    draft.outputs = {node.outputs[0]};
    draft.ints = {node.int_or("a_zero", 0), node.int_or("b_zero", 0), node.int_or("y_zero", 0),
                  node.int_or("y_min", -128), node.int_or("y_max", 127)};
    draft.floats = {node.float_or("a_factor", 1), node.float_or("b_factor", 1)};
    return alone(std::move(draft));
}

Drafts draft_mean(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Shape& shape = view.shape(0);
    if (shape.rank() != 4 || shape.elements() == 0) return unimplemented("there is no image");
    const graph::Node& node = view.node;
    Draft draft;
    draft.kernel = "simd.mean_i8";
    draft.inputs = {DraftInput::of(node.inputs[0])};
    draft.outputs = {node.outputs[0]};
    draft.ints = {shape[0],
                  shape[1] * shape[2],
                  shape[3],
                  node.int_or("x_zero", 0),
                  node.int_or("y_zero", 0),
                  node.int_or("y_min", -128),
                  node.int_or("y_max", 127)};
    draft.floats = {node.float_or("factor", 1)};
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> quantize_lowerings() {
    return {{"tflite", "QUANTIZE", {{"simd.quantize_i8", draft_quantize}}},
            {"tflite", "DEQUANTIZE", {{"simd.dequantize_i8", draft_dequantize}}},
            {"", "QuantizeLinear", {{"simd.quantize_i8", draft_onnx_quantize}}},
            {"", "DequantizeLinear", {{"simd.dequantize_i8", draft_onnx_dequantize}}},
            {"hf", "QAdd", {{"simd.add_real_i8", draft_add}}},
            {"hf", "QMean", {{"simd.mean_i8", draft_mean}}}};
}

}  // namespace hf::runtime::cpu
