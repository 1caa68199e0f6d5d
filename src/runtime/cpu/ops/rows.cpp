// Softmax, layer normalisation and means.

#include <algorithm>
#include <cmath>

#include "kernels/simd/quantized.h"
#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

Draft one_to_one(const NodeView& view, std::string_view kernel) {
    Draft draft;
    draft.kernel = kernel;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    return draft;
}

// Until opset 12 the axes from `axis` on were one row; since then the row is `axis` alone.
Drafts draft_softmax(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    if (shape.elements() == 0 || shape.rank() == 0) return unimplemented("there are no rows");
    const bool flat = view.node.opset < 13;
    const std::size_t axis =
        HF_TRY(normalize_axis(view.node.int_or("axis", flat ? 1 : -1), shape.rank()));
    std::int64_t width = 1;
    for (std::size_t i = axis; i < shape.rank(); ++i) width *= shape[i];
    if (!flat && width != shape[axis]) return unimplemented("the axis is not the last");
    Draft draft = one_to_one(view, "simd.softmax_f32");
    draft.ints = {shape.elements() / width, width};
    draft.floats = {1};
    return alone(std::move(draft));
}

Drafts draft_tflite_softmax(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    if (shape.elements() == 0 || shape.rank() == 0) return unimplemented("there are no rows");
    const std::int64_t width = shape[shape.rank() - 1];
    Draft draft = one_to_one(view, "simd.softmax_f32");
    draft.ints = {shape.elements() / width, width};
    draft.floats = {view.node.float_or("beta", 1)};
    return alone(std::move(draft));
}

Drafts draft_tflite_softmax_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    if (*view.output().dtype != DType::kI8) return unimplemented("the output is not i8");
    const Shape& shape = view.shape(0);
    if (shape.elements() == 0 || shape.rank() == 0) return unimplemented("there are no rows");
    const Affine in = HF_TRY(affine_of(view.input(0)));
    const Affine out = HF_TRY(affine_of(view.output()));
    Tensor table(DType::kF32, Shape{kernels::SoftmaxI8::kTable});
    const float step = -in.scale * view.node.float_or("beta", 1);
    for (std::size_t i = 0; i < kernels::SoftmaxI8::kTable; ++i) {
        table.mutable_values<float>()[i] =
            static_cast<float>(std::exp(double{step * static_cast<float>(i)}));
    }
    Draft draft = one_to_one(view, "simd.softmax_i8");
    draft.inputs.push_back(DraftInput::of(std::move(table)));
    const std::int64_t width = shape[shape.rank() - 1];
    draft.ints = {shape.elements() / width, width, out.zero};
    draft.floats = {out.scale};
    return alone(std::move(draft));
}

Drafts draft_layer_norm(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    if (shape.elements() == 0 || shape.rank() == 0) return unimplemented("there are no rows");
    const std::size_t axis = HF_TRY(normalize_axis(view.node.int_or("axis", -1), shape.rank()));
    std::int64_t width = 1;
    for (std::size_t i = axis; i < shape.rank(); ++i) width *= shape[i];
    Draft draft = one_to_one(view, "simd.layer_norm_f32");
    draft.inputs.push_back(view.operand(1));
    draft.inputs.push_back(view.operand(2));
    draft.ints = {shape.elements() / width, width};
    draft.floats = {view.node.float_or("epsilon", 1e-5f)};
    return alone(std::move(draft));
}

// Neighbouring axes: blocks x reduced x width.
Drafts mean_draft(const NodeView& view, const std::vector<std::int64_t>& axes) {
    const Shape& shape = view.shape(0);
    if (shape.elements() == 0) return unimplemented("there is nothing to take the mean of");
    std::vector<bool> reduced(shape.rank(), axes.empty());
    for (std::int64_t axis : axes) reduced[HF_TRY(normalize_axis(axis, shape.rank()))] = true;
    std::int64_t blocks = 1, rows = 1, width = 1;
    bool after = false;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (reduced[i] && after) return unimplemented("the axes are not neighbours");
        if (reduced[i]) {
            rows *= shape[i];
        } else if (rows > 1 ||
                   std::find(reduced.begin(), reduced.begin() + static_cast<std::ptrdiff_t>(i),
                             true) != reduced.begin() + static_cast<std::ptrdiff_t>(i)) {
            width *= shape[i];
            after = true;
        } else {
            blocks *= shape[i];
        }
    }
    Draft draft = one_to_one(view, "simd.mean_f32");
    draft.ints = {blocks, rows, width};
    return alone(std::move(draft));
}

// Axes are an attribute until opset 17 and an input from 18 on.
Drafts draft_reduce_mean(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kF32));
    if (view.node.int_or("noop_with_empty_axes", 0) != 0) return unimplemented("it may do nothing");
    return mean_draft(view, HF_TRY(integers_of(view, 1, "axes")));
}

Drafts draft_tflite_mean(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kF32));
    const auto axes = HF_TRY(integers_of(view, 1, ""));
    if (axes.empty()) return unimplemented("there are no axes");
    return mean_draft(view, axes);
}

Drafts draft_global_average(const NodeView& view) {
    HF_TRY(need_f32(view));
    if (view.shape(0).rank() < 3) return unimplemented("the operand is no image");
    std::vector<std::int64_t> axes;
    for (std::size_t i = 2; i < view.shape(0).rank(); ++i) {
        axes.push_back(static_cast<std::int64_t>(i));
    }
    return mean_draft(view, axes);
}

}  // namespace

std::vector<LoweringRow> rows_lowerings() {
    return {{"",
             "Softmax",
             {{"simd.softmax_f32", draft_softmax},
              {"simd.softmax_columns_f32", draft_softmax_columns}}},
            {"tflite",
             "SOFTMAX",
             {{"simd.softmax_f32", draft_tflite_softmax},
              {"simd.softmax_i8", draft_tflite_softmax_i8}}},
            {"", "LayerNormalization", {{"simd.layer_norm_f32", draft_layer_norm}}},
            {"", "ReduceMean", {{"simd.mean_f32", draft_reduce_mean}}},
            {"tflite", "MEAN", {{"simd.mean_f32", draft_tflite_mean}}},
            {"", "GlobalAveragePool", {{"simd.mean_f32", draft_global_average}}}};
}

}  // namespace hf::runtime::cpu
