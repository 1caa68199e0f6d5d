// TFLite's QUANTIZE and DEQUANTIZE between fp32 and int8.

#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

Drafts affine_draft(const NodeView& view, std::string_view kernel, const Affine& affine) {
    Draft draft;
    draft.kernel = kernel;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {affine.zero};
    draft.floats = {affine.scale};
    return std::vector<Draft>{std::move(draft)};
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

}  // namespace

std::vector<LoweringRow> quantize_lowerings() {
    return {{"tflite", "QUANTIZE", {{"simd.quantize_i8", draft_quantize}}},
            {"tflite", "DEQUANTIZE", {{"simd.dequantize_i8", draft_dequantize}}}};
}

}  // namespace hf::runtime::cpu
