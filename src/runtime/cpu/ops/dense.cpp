// Matrix products: hf.Gemm, TFLite's FULLY_CONNECTED, ONNX's MatMul and Gemm.

#include <algorithm>

#include "kernels/simd/gemm_f32.h"
#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/integer.h"

namespace hf::runtime::cpu {
namespace {

std::uint64_t macs_of(std::int64_t rows, std::int64_t depth, std::int64_t columns) {
    return static_cast<std::uint64_t>(rows * depth * columns);
}

// x * weights^T + bias with weights [columns][depth].
Result<Draft> dense_draft(const NodeView& view, const Tensor& weights, const Tensor* bias) {
    if (weights.shape().rank() != 2 || weights.elements() == 0) {
        return unimplemented("weights {} are not a matrix", weights.shape().to_string());
    }
    const std::int64_t columns = weights.shape()[0], depth = weights.shape()[1];
    const std::int64_t rows = view.out_shape().elements() / columns;
    if (bias && (bias->elements() != columns || bias->dtype() != DType::kF32)) {
        return unimplemented("the bias is not one number a column");
    }
    Draft draft;
    draft.kernel = "simd.dense_f32";
    draft.inputs = {DraftInput::of(view.node.inputs[0]),
                    DraftInput::of(pack_dense_f32(weights.values<float>().data(),
                                                  static_cast<std::size_t>(columns),
                                                  static_cast<std::size_t>(depth))),
                    DraftInput::of(padded_bias(bias, static_cast<std::size_t>(columns))),
                    DraftInput::omitted()};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {rows, depth, columns};
    draft.macs = macs_of(rows, depth, columns);
    return draft;
}

Result<const Tensor*> bias_of(const NodeView& view, std::size_t index) {
    if (!view.has_input(index)) return static_cast<const Tensor*>(nullptr);
    HF_TRY(need_constant(view, index, DType::kF32));
    return view.constant(index);
}

Drafts draft_hf_gemm(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    ActivationDrafts activation = HF_TRY(hf_activation(view));
    Draft draft = HF_TRY(dense_draft(view, weights, HF_TRY(bias_of(view, 2))));
    if (view.has_input(3)) draft.inputs[3] = DraftInput::of(view.node.inputs[3]);
    draft.floats = {activation.clamp.low, activation.clamp.high};
    std::vector<Draft> drafts = alone(std::move(draft));
    if (activation.after) drafts.push_back(std::move(*activation.after));
    return drafts;
}

Drafts draft_tflite_dense(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kF32));
    const Clamp clamp = HF_TRY(tflite_clamp(view));
    Draft draft = HF_TRY(dense_draft(view, weights, HF_TRY(bias_of(view, 2))));
    draft.floats = {clamp.low, clamp.high};
    return alone(std::move(draft));
}

// x * weights^T in int8 with weights [columns][depth]; the fields are those after the extents.
Result<Draft> dense_i8_draft(const NodeView& view, const Tensor& weights, Tensor table,
                             const std::vector<std::int64_t>& fields) {
    if (weights.shape().rank() != 2 || weights.elements() == 0) {
        return unimplemented("weights {} are not a matrix", weights.shape().to_string());
    }
    const std::int64_t columns = weights.shape()[0], depth = weights.shape()[1];
    const std::int64_t rows = view.out_shape().elements() / columns;
    const auto channels = static_cast<std::size_t>(columns);
    const kernels::Windows windows = kernels::Windows::matrix(1, static_cast<std::size_t>(depth));
    Tensor packed(
        DType::kI8,
        Shape{static_cast<std::int64_t>(kernels::packed_size_i8(channels, 1, windows.run))});
    kernels::pack_i8({weights.values<std::int8_t>().data(), channels, windows.run, 1}, windows,
                     packed.mutable_values<std::int8_t>().data());
    Draft draft;
    draft.kernel = "simd.dense_i8";
    draft.inputs = {DraftInput::of(view.node.inputs[0]), DraftInput::of(std::move(packed)),
                    DraftInput::of(std::move(table))};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {rows, depth, columns};
    draft.ints.insert(draft.ints.end(), fields.begin(), fields.end());
    draft.scratch_bytes = widened_bytes(static_cast<std::size_t>(rows * depth));
    draft.macs = macs_of(rows, depth, columns);
    return draft;
}

Drafts draft_tflite_dense_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kI8));
    if (weights.shape().rank() != 2) return unimplemented("the weights are no matrix");
    const Affine in = HF_TRY(affine_of(view.input(0)));
    const Affine out = HF_TRY(affine_of(view.output()));
    const StoredBounds bounds = HF_TRY(stored_bounds(view, out));
    const auto columns = static_cast<std::size_t>(weights.shape()[0]);
    return alone(
        HF_TRY(dense_i8_draft(view, weights, HF_TRY(channel_table(view, {weights, columns, false})),
                              {in.zero, out.zero, bounds.min, bounds.max, 0})));
}

Drafts draft_hf_gemm_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Tensor weights = HF_TRY(need_constant(view, 1, DType::kI8));
    if (view.out_shape().elements() == 0) return unimplemented("there are no rows");
    return alone(HF_TRY(dense_i8_draft(view, weights, HF_TRY(real_channel_table(view, weights)),
                                       real_fields(view))));
}

// A constant right matrix [depth][columns], packed once.
Drafts draft_matmul_constant(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Tensor b = HF_TRY(need_constant(view, 1, DType::kF32));
    if (b.shape().rank() != 2 || b.elements() == 0 || view.shape(0).rank() < 2) {
        return unimplemented("the right side {} is not one matrix", b.shape().to_string());
    }
    const auto depth = static_cast<std::size_t>(b.shape()[0]);
    const auto columns = static_cast<std::size_t>(b.shape()[1]);
    Tensor transposed(DType::kF32, Shape{b.shape()[1], b.shape()[0]});
    for (std::size_t i = 0; i < depth * columns; ++i) {
        transposed.mutable_values<float>()[i % columns * depth + i / columns] =
            b.values<float>()[i];
    }
    Draft draft = HF_TRY(dense_draft(view, transposed, nullptr));
    draft.floats = {no_clamp().low, no_clamp().high};
    return alone(std::move(draft));
}

Drafts draft_hf_gemm_bf16(const NodeView& view) {
    return by_bf16(view, draft_hf_gemm(view), "simd.dense_bf16");
}
Drafts draft_tflite_dense_bf16(const NodeView& view) {
    return by_bf16(view, draft_tflite_dense(view), "simd.dense_bf16");
}
Drafts draft_matmul_bf16(const NodeView& view) {
    return by_bf16(view, draft_matmul_constant(view), "simd.dense_bf16");
}

std::int64_t batches_of(const Shape& shape) {
    std::int64_t batches = 1;
    for (std::size_t i = 0; i + 2 < shape.rank(); ++i) batches *= shape[i];
    return batches;
}

Drafts draft_matmul(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& a = view.shape(0);
    const Shape& b = view.shape(1);
    const Shape& y = view.out_shape();
    if (a.rank() < 2 || b.rank() < 2 || y.elements() == 0) {
        return unimplemented("the operands are not matrices");
    }
    const std::int64_t batches = batches_of(y);
    for (const Shape* side : {&a, &b}) {
        const bool all = batches_of(*side) == batches && side->rank() == y.rank();
        if (batches_of(*side) != 1 && !all) {
            return unimplemented("the batches of {} and {} are broadcast", a.to_string(),
                                 b.to_string());
        }
    }
    const std::int64_t rows = a[a.rank() - 2], depth = a[a.rank() - 1], columns = b[b.rank() - 1];
    Draft draft;
    draft.kernel = "simd.matmul_f32";
    draft.inputs = {DraftInput::of(view.node.inputs[0]), DraftInput::of(view.node.inputs[1])};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {batches_of(a), batches_of(b), batches, rows, depth, columns, 0};
    draft.scratch_bytes = kernels::packed_size_f32(static_cast<std::size_t>(columns),
                                                   static_cast<std::size_t>(depth)) *
                          sizeof(float);
    draft.macs = macs_of(batches * rows, depth, columns);
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> dense_lowerings() {
    return {
        {"hf",
         "Gemm",
         {{"simd.dense_bf16", draft_hf_gemm_bf16, Math::kBf16}, {"simd.dense_f32", draft_hf_gemm}}},
        {"hf", "QGemm", {{"simd.dense_i8", draft_hf_gemm_i8}}},
        {"tflite",
         "FULLY_CONNECTED",
         {{"simd.dense_bf16", draft_tflite_dense_bf16, Math::kBf16},
          {"simd.dense_f32", draft_tflite_dense},
          {"simd.dense_i8", draft_tflite_dense_i8}}},
        {"",
         "MatMul",
         {{"simd.dense_bf16", draft_matmul_bf16, Math::kBf16},
          {"simd.dense_f32", draft_matmul_constant},
          {"simd.matmul_f32", draft_matmul}}}};
}

}  // namespace hf::runtime::cpu
