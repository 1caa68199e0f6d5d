// hf.MaxPool2d and hf.AveragePool2d, and TFLite's pools.

#include <algorithm>

#include "runtime/cpu/ops/families.h"
#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

Drafts pool_draft(const NodeView& view, std::string_view kernel, std::vector<std::int64_t> ints,
                  Clamp clamp) {
    Draft draft;
    draft.kernel = kernel;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = std::move(ints);
    draft.floats = {clamp.low, clamp.high};
    return alone(std::move(draft));
}

Drafts hf_pool_draft(const NodeView& view, std::string_view name, Clamp clamp) {
    const auto kernel = view.node.ints_or("kernel_shape", {});
    const auto strides = view.node.ints_or("strides", {});
    const auto pads = view.node.ints_or("pads", {});
    if (kernel.size() != 2 || strides.size() != 2 || pads.size() != 4 ||
        view.shape(0).rank() != 4 || view.out_shape().rank() != 4) {
        return invalid_argument("the attributes are not those of an image");
    }
    return pool_draft(view, name,
                      {strides[0], strides[1], 1, 1, pads[0], pads[1], pads[2], pads[3], 1,
                       kernel[0], kernel[1], view.node.int_or("count_include_pad", 0)},
                      clamp);
}

Drafts draft_hf_pool(const NodeView& view) {
    HF_TRY(need_f32(view));
    const bool average = view.node.op == "AveragePool2d";
    return hf_pool_draft(view, average ? "simd.average_pool_f32" : "simd.max_pool_f32", no_clamp());
}

Drafts draft_hf_pool_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    return hf_pool_draft(view, "simd.max_pool_i8", {-128, 127});
}

struct Border {
    std::int64_t before = 0, after = 0;
};
Border same_border(const NodeView& view, std::size_t axis, std::int64_t stride,
                   std::int64_t filter) {
    if (view.node.string_or("padding", "VALID") != "SAME") return {};
    const std::int64_t in = view.shape(0)[axis], out = view.out_shape()[axis];
    const std::int64_t total = std::max<std::int64_t>(0, (out - 1) * stride + filter - in);
    return {total / 2, total - total / 2};
}

Result<std::vector<std::int64_t>> tflite_fields(const NodeView& view) {
    if (view.shape(0).rank() != 4 || view.out_shape().rank() != 4) {
        return unimplemented("operands are not images");
    }
    const graph::Node& node = view.node;
    const std::int64_t stride_h = node.int_or("stride_h", 1), filter_h = node.int_or("filter_h", 1);
    const std::int64_t stride_w = node.int_or("stride_w", 1), filter_w = node.int_or("filter_w", 1);
    const Border rows = same_border(view, 1, stride_h, filter_h);
    const Border columns = same_border(view, 2, stride_w, filter_w);
    return std::vector<std::int64_t>{stride_h,    stride_w,       1,          1,
                                     rows.before, columns.before, rows.after, columns.after,
                                     1,           filter_h,       filter_w,   0};
}

Drafts draft_tflite_pool(const NodeView& view) {
    HF_TRY(need_f32(view));
    const bool average = view.node.op == "AVERAGE_POOL_2D";
    return pool_draft(view, average ? "simd.average_pool_f32" : "simd.max_pool_f32",
                      HF_TRY(tflite_fields(view)), HF_TRY(tflite_clamp(view)));
}

Drafts draft_tflite_pool_i8(const NodeView& view) {
    HF_TRY(need_dtype(view, 0, DType::kI8));
    const Affine in = HF_TRY(affine_of(view.input(0)));
    const Affine out = HF_TRY(affine_of(view.output()));
    if (in.scale != out.scale || in.zero != out.zero) {
        return unimplemented("input and output have different scales");
    }
    const StoredBounds bounds = HF_TRY(stored_bounds(view, out));
    const bool average = view.node.op == "AVERAGE_POOL_2D";
    return pool_draft(view, average ? "simd.average_pool_i8" : "simd.max_pool_i8",
                      HF_TRY(tflite_fields(view)),
                      {static_cast<float>(bounds.min), static_cast<float>(bounds.max)});
}

}  // namespace

std::vector<LoweringRow> pool_lowerings() {
    return {
        {"hf",
         "MaxPool2d",
         {{"simd.max_pool_f32", draft_hf_pool}, {"simd.max_pool_i8", draft_hf_pool_i8}}},
        {"hf", "AveragePool2d", {{"simd.average_pool_f32", draft_hf_pool}}},
        {"tflite",
         "MAX_POOL_2D",
         {{"simd.max_pool_f32", draft_tflite_pool}, {"simd.max_pool_i8", draft_tflite_pool_i8}}},
        {"tflite",
         "AVERAGE_POOL_2D",
         {{"simd.average_pool_f32", draft_tflite_pool},
          {"simd.average_pool_i8", draft_tflite_pool_i8}}}};
}

}  // namespace hf::runtime::cpu
