// Reductions over neighbouring axes, softmax along any axis, LRN and InstanceNormalization.

#include <map>

#include "kernels/simd/reduce_f32.h"
#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

using kernels::Reduction;

Draft one_to_one(const NodeView& view, std::string_view kernel) {
    Draft draft;
    draft.kernel = kernel;
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    return draft;
}

// Neighbouring axes as blocks x reduced x width. An axis of one is whichever suits.
Result<std::vector<std::int64_t>> split_at_reduced(const Shape& shape,
                                                   const std::vector<bool>& reduced) {
    std::vector<std::int64_t> extents{1, 1, 1};
    std::size_t part = 0;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (shape[i] == 1) continue;
        if (reduced[i] && part == 2) return unimplemented("the axes are not neighbours");
        if (reduced[i]) part = 1;
        if (!reduced[i] && part == 1) part = 2;
        extents[part] *= shape[i];
    }
    return extents;
}

Drafts draft_reduce(const NodeView& view) {
    static const std::map<std::string, Reduction, std::less<>> functions{
        {"ReduceSum", Reduction::kSum}, {"ReduceSumSquare", Reduction::kSumOfSquares},
        {"ReduceMax", Reduction::kMax}, {"ReduceMin", Reduction::kMin},
        {"ReduceL1", Reduction::kL1},   {"ReduceL2", Reduction::kL2}};
    HF_TRY(need_dtype(view, 0, DType::kF32));
    const Shape& shape = view.shape(0);
    const std::vector<std::int64_t> axes = HF_TRY(integers_of(view, 1, "axes"));
    if (axes.empty() && view.node.int_or("noop_with_empty_axes", 0) != 0) {
        return unimplemented("it does nothing");
    }
    std::vector<bool> reduced(shape.rank(), axes.empty());
    for (std::int64_t axis : axes) reduced[HF_TRY(normalize_axis(axis, shape.rank()))] = true;
    Draft draft = one_to_one(view, "simd.reduce_f32");
    draft.ints = HF_TRY(split_at_reduced(shape, reduced));
    const Reduction function = functions.at(view.node.op);
    draft.ints.insert(draft.ints.begin(), static_cast<std::int64_t>(function));
    return alone(std::move(draft));
}

Drafts draft_lrn(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    if (shape.rank() < 2) return unimplemented("there are no channels");
    const std::int64_t size = view.node.int_or("size", 1);
    if (size < 1 || size > shape[1]) return unimplemented("a window of {} channels", size);
    std::int64_t inner = 1;
    for (std::size_t i = 2; i < shape.rank(); ++i) inner *= shape[i];
    Draft draft = one_to_one(view, "simd.lrn_f32");
    draft.ints = {shape[0], shape[1], inner, (size - 1) / 2, size / 2};
    const double alpha = view.node.float_or("alpha", 1e-4f);
    draft.floats = {static_cast<float>(alpha / static_cast<double>(size)),
                    view.node.float_or("beta", 0.75f), view.node.float_or("bias", 1)};
    return alone(std::move(draft));
}

Drafts draft_instance_norm(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    if (shape.rank() < 3 || shape.elements() == 0) return unimplemented("the operand is no image");
    Draft draft = one_to_one(view, "simd.instance_norm_f32");
    draft.inputs.push_back(view.operand(1));
    draft.inputs.push_back(view.operand(2));
    draft.ints = {shape[0], shape[1], shape.elements() / (shape[0] * shape[1])};
    draft.floats = {view.node.float_or("epsilon", 1e-5f)};
    return alone(std::move(draft));
}

}  // namespace

// Until opset 12 the axes from `axis` on were one; since then it is `axis` alone.
Drafts draft_softmax_columns(const NodeView& view) {
    HF_TRY(need_f32(view));
    const Shape& shape = view.shape(0);
    const bool flat = view.node.opset < 13;
    const std::size_t axis =
        HF_TRY(normalize_axis(view.node.int_or("axis", flat ? 1 : -1), shape.rank()));
    std::int64_t parts[3] = {1, 1, 1};
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        parts[i < axis ? 0 : i == axis || flat ? 1 : 2] *= shape[i];
    }
    Draft draft = one_to_one(view, "simd.softmax_columns_f32");
    draft.ints = {parts[0], parts[1], parts[2], view.node.op == "LogSoftmax" ? 1 : 0};
    return alone(std::move(draft));
}

std::vector<LoweringRow> reduce_lowerings() {
    std::vector<LoweringRow> rows;
    for (std::string_view op :
         {"ReduceSum", "ReduceMax", "ReduceMin", "ReduceL1", "ReduceL2", "ReduceSumSquare"}) {
        rows.push_back({"", op, {{"simd.reduce_f32", draft_reduce}}});
    }
    rows.push_back({"", "LogSoftmax", {{"simd.softmax_columns_f32", draft_softmax_columns}}});
    rows.push_back({"", "LRN", {{"simd.lrn_f32", draft_lrn}}});
    rows.push_back(
        {"", "InstanceNormalization", {{"simd.instance_norm_f32", draft_instance_norm}}});
    return rows;
}

}  // namespace hf::runtime::cpu
