// Reductions, and normalisations that have more than one output.

#include <algorithm>

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// The shape after the axes are reduced; nullopt when it is not known.
Result<std::optional<Shape>> reduced(const Context& context,
                                     const std::optional<std::vector<std::int64_t>>& axes) {
    const Shape* from = context.shape(0);
    const bool keep = context.node.int_or("keepdims", 1) != 0;
    if (!from) return std::optional<Shape>();
    if (!axes) {
        if (!keep) return std::optional<Shape>();
        return std::optional(Shape(std::vector<std::int64_t>(from->rank(), kUnknown)));
    }
    const bool all = axes->empty() && context.node.int_or("noop_with_empty_axes", 0) == 0;
    std::vector<bool> gone(from->rank(), all);
    for (std::int64_t axis : *axes) gone[HF_TRY(normalize_axis(axis, from->rank()))] = true;
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < from->rank(); ++i) {
        if (!gone[i]) {
            extents.push_back((*from)[i]);
        } else if (keep) {
            extents.push_back(1);
        }
    }
    return std::optional(Shape(std::move(extents)));
}

Status reduction(Context& context) {
    const auto shape = HF_TRY(reduced(context, context.ints("axes", 1)));
    HF_TRY(context.set(0, context.dtype(0), shape));
    const Content* content = context.content(0);
    const bool whole = content && context.shape(0)->rank() == 1 && shape && shape->is_known() &&
                       shape->elements() == 1;
    if (!whole || context.node.op != "ReduceProd") return {};
    double result = 1;
    for (double x : *content) result *= x;
    context.set_content(0, {result});
    return {};
}

Status arg_extreme(Context& context) {
    const std::vector<std::int64_t> axes{context.node.int_or("axis", 0)};
    return context.set(0, DType::kI64, HF_TRY(reduced(context, axes)));
}

Status batch_normalization(Context& context) {
    HF_TRY(same_as_input(context));
    if (context.node.opset < 14) return {};
    for (std::size_t i = 1; i < context.output_count(); ++i) {
        const Shape* statistics = context.shape(i + 2);
        HF_TRY(context.set(i, context.dtype(i + 2),
                           statistics ? std::optional<Shape>(*statistics) : std::nullopt));
    }
    return {};
}

Status layer_normalization(Context& context) {
    HF_TRY(same_as_input(context));
    const Shape* from = context.shape(0);
    if (!from) return {};
    Shape statistics = *from;
    for (std::size_t i = HF_TRY(axis_of(context, -1, from->rank())); i < from->rank(); ++i) {
        statistics[i] = 1;
    }
    HF_TRY(context.set(1, std::nullopt, statistics));
    return context.set(2, std::nullopt, statistics);
}

}  // namespace

std::vector<Row> reduce_rows() {
    std::vector<Row> rows;
    for (std::string_view op :
         {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
          "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"}) {
        rows.push_back({"", op, reduction});
    }
    rows.push_back({"", "ArgMax", arg_extreme});
    rows.push_back({"", "ArgMin", arg_extreme});
    rows.push_back({"", "BatchNormalization", batch_normalization});
    rows.push_back({"", "LayerNormalization", layer_normalization});
    return rows;
}

}  // namespace hf::graph::infer
