// Operators that choose elements by index or by value.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

void follow_gather(Context& context) {
    const Content* data = context.content(0);
    const Content* indices = context.content(1);
    if (!data || !indices) return;
    Content out;
    for (double index : *indices) {
        const double at = index < 0 ? index + static_cast<double>(data->size()) : index;
        const bool inside = is_known(at) && at >= 0 && at < static_cast<double>(data->size());
        out.push_back(inside ? (*data)[static_cast<std::size_t>(at)] : kUnknownElement);
    }
    context.set_content(0, std::move(out));
}

Status gather(Context& context) {
    const Shape* data = context.shape(0);
    const Shape* indices = context.shape(1);
    if (!data || !indices) return context.set(0, context.dtype(0), std::nullopt);
    const std::size_t axis = HF_TRY(axis_of(context, 0, data->rank()));
    std::vector<std::int64_t> extents(data->begin(),
                                      data->begin() + static_cast<std::ptrdiff_t>(axis));
    extents.insert(extents.end(), indices->begin(), indices->end());
    extents.insert(extents.end(), data->begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                   data->end());
    HF_TRY(context.set(0, context.dtype(0), Shape(std::move(extents))));
    follow_gather(context);
    return {};
}

Status gather_elements(Context& context) {
    const Shape* indices = context.shape(1);
    return context.set(0, context.dtype(0),
                       indices ? std::optional<Shape>(*indices) : std::nullopt);
}

Status gather_nd(Context& context) {
    const Shape* data = context.shape(0);
    const Shape* indices = context.shape(1);
    const std::int64_t batch = context.node.int_or("batch_dims", 0);
    if (!data || !indices || indices->rank() == 0 || (*indices)[indices->rank() - 1] < 0) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    const std::int64_t skipped = batch + (*indices)[indices->rank() - 1];
    if (batch < 0 || skipped > static_cast<std::int64_t>(data->rank())) {
        return invalid_argument("indices {} do not fit data {}", indices->to_string(),
                                data->to_string());
    }
    std::vector<std::int64_t> extents(indices->begin(), indices->end() - 1);
    extents.insert(extents.end(), data->begin() + skipped, data->end());
    return context.set(0, context.dtype(0), Shape(std::move(extents)));
}

Status one_hot(Context& context) {
    const Shape* indices = context.shape(0);
    if (!indices) return context.set(0, context.dtype(2), std::nullopt);
    const Content* depth = context.content(1);
    const std::size_t axis = HF_TRY(axis_of(context, -1, indices->rank() + 1));
    std::vector<std::int64_t> extents = indices->extents();
    extents.insert(
        extents.begin() + static_cast<std::ptrdiff_t>(axis),
        depth && depth->size() == 1 && (*depth)[0] >= 0 ? extent_of((*depth)[0]) : kUnknown);
    return context.set(0, context.dtype(2), Shape(std::move(extents)));
}

Status non_zero(Context& context) {
    const Shape* from = context.shape(0);
    const std::int64_t rank = from ? static_cast<std::int64_t>(from->rank()) : kUnknown;
    return context.set(0, DType::kI64, Shape{from && rank == 0 ? kUnknown : rank, kUnknown});
}

Status compress(Context& context) {
    const Shape* from = context.shape(0);
    if (!context.node.has("axis")) return context.set(0, context.dtype(0), Shape{kUnknown});
    if (!from) return context.set(0, context.dtype(0), std::nullopt);
    Shape to = *from;
    to[HF_TRY(axis_of(context, 0, from->rank()))] = kUnknown;
    return context.set(0, context.dtype(0), to);
}

Status top_k(Context& context) {
    const Shape* from = context.shape(0);
    std::optional<Shape> to;
    if (from) {
        to = *from;
        const std::size_t axis = HF_TRY(axis_of(context, -1, from->rank()));
        const auto given = context.ints(1);
        (*to)[axis] = kUnknown;
        if (given && given->size() == 1) (*to)[axis] = (*given)[0];
        if (context.node.has("k")) (*to)[axis] = context.node.int_or("k", 0);
        if ((*to)[axis] < kUnknown) return invalid_argument("k is {}", (*to)[axis]);
    }
    HF_TRY(context.set(0, context.dtype(0), to));
    return context.set(1, DType::kI64, to);
}

Status unique(Context& context) {
    const bool flat = !context.node.has("axis");
    HF_TRY(context.set(0, context.dtype(0),
                       flat ? std::optional<Shape>(Shape{kUnknown}) : std::nullopt));
    for (std::size_t i = 1; i < 4; ++i) HF_TRY(context.set(i, DType::kI64, Shape{kUnknown}));
    return {};
}

Status non_max_suppression(Context& context) {
    return context.set(0, DType::kI64, Shape{kUnknown, 3});
}

Status roi_align(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* rois = context.shape(1);
    if (!x || x->rank() != 4 || !rois || rois->rank() != 2) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    return context.set(0, context.dtype(0),
                       Shape{(*rois)[0], (*x)[1], context.node.int_or("output_height", 1),
                             context.node.int_or("output_width", 1)});
}

Status array_feature_extractor(Context& context) {
    return context.set(0, context.dtype(0), std::nullopt);
}

}  // namespace

std::vector<Row> index_rows() {
    return {{"", "Gather", gather},
            {"", "GatherElements", gather_elements},
            {"", "GatherND", gather_nd},
            {"", "OneHot", one_hot},
            {"", "NonZero", non_zero},
            {"", "Compress", compress},
            {"", "TopK", top_k},
            {"", "Unique", unique},
            {"", "NonMaxSuppression", non_max_suppression},
            {"", "RoiAlign", roi_align},
            {"ai.onnx.ml", "ArrayFeatureExtractor", array_feature_extractor}};
}

}  // namespace hf::graph::infer
