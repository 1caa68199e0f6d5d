// Operators that sample or rearrange images.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// The image [N, C, ...] at the places of a grid [N, ..., axes].
Status grid_sample(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* grid = context.shape(1);
    if (!x || !grid) return context.set(0, context.dtype(0), std::nullopt);
    if (x->rank() < 3 || grid->rank() != x->rank()) {
        return invalid_argument("input {} does not fit grid {}", x->to_string(), grid->to_string());
    }
    std::vector<std::int64_t> extents{(*x)[0], (*x)[1]};
    extents.insert(extents.end(), grid->begin() + 1, grid->end() - 1);
    return context.set(0, context.dtype(0), Shape(std::move(extents)));
}

Status max_unpool(Context& context) {
    const Shape* x = context.shape(0);
    if (context.has_input(2)) {
        const auto wanted = context.ints(2);
        if (!wanted) return context.set(0, context.dtype(0), std::nullopt);
        const Shape to(*wanted);
        HF_TRY(to.check());
        return context.set(0, context.dtype(0), to);
    }
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    const std::vector<std::int64_t> kernel = context.node.ints_or("kernel_shape", {});
    const std::size_t rank = kernel.size();
    const auto strides = context.node.ints_or("strides", std::vector<std::int64_t>(rank, 1));
    const auto pads = context.node.ints_or("pads", std::vector<std::int64_t>(2 * rank, 0));
    if (x->rank() < 3 || x->rank() - 2 != rank || strides.size() != rank ||
        pads.size() != 2 * rank) {
        return invalid_argument("input {} does not fit the kernel, strides or pads",
                                x->to_string());
    }
    Shape to = *x;
    for (std::size_t i = 0; i < rank; ++i) {
        constexpr std::int64_t kMax = 1 << 20;
        const auto within = [](std::int64_t value, std::int64_t low) {
            return value >= low && value <= kMax;
        };
        if (!within(kernel[i], 1) || !within(strides[i], 1) || !within(pads[i], 0) ||
            !within(pads[i + rank], 0)) {
            return invalid_argument("kernel, stride or pad of axis {} is out of range", i);
        }
        if (to[i + 2] == kUnknown) continue;
        to[i + 2] = (to[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[i + rank];
        if (to[i + 2] < 0) return invalid_argument("pads leave axis {} with nothing", i);
    }
    return context.set(0, context.dtype(0), to);
}

// Columns [N, C * block, positions] to an image of given extents.
Status col_to_image(Context& context) {
    const Shape* columns = context.shape(0);
    const auto image = context.ints(1), block = context.ints(2);
    if (!columns || !image || !block) return context.set(0, context.dtype(0), std::nullopt);
    const std::int64_t taps = product(*block);
    if (columns->rank() != 3 || image->size() != block->size() || taps == 0) {
        return invalid_argument("columns {} do not fit {} and {} axes", columns->to_string(),
                                image->size(), block->size());
    }
    const bool known = (*columns)[1] != kUnknown && taps != kUnknown;
    if (known && (*columns)[1] % taps != 0) {
        return invalid_argument("columns {} do not divide by {}", columns->to_string(), taps);
    }
    std::vector<std::int64_t> extents{(*columns)[0], known ? (*columns)[1] / taps : kUnknown};
    extents.insert(extents.end(), image->begin(), image->end());
    return context.set(0, context.dtype(0), Shape(std::move(extents)));
}

Status center_crop_pad(Context& context) {
    const Shape* from = context.shape(0);
    const auto wanted = context.ints(1);
    if (!from) return context.set(0, context.dtype(0), std::nullopt);
    std::vector<std::int64_t> axes = context.node.ints_or("axes", {});
    for (std::size_t i = 0; i < from->rank() && !context.node.has("axes"); ++i) {
        axes.push_back(static_cast<std::int64_t>(i));
    }
    if (wanted && wanted->size() != axes.size()) {
        return invalid_argument("{} extents for {} axes", wanted->size(), axes.size());
    }
    Shape to = *from;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        std::int64_t& extent = to[HF_TRY(normalize_axis(axes[i], from->rank()))];
        extent = wanted ? (*wanted)[i] : kUnknown;
        if (extent < kUnknown) return invalid_argument("an extent of {}", extent);
    }
    return context.set(0, context.dtype(0), to);
}

// Matrices [N, axes, axes + 1] and the size [N, C, ...] of the image to be.
Status affine_grid(Context& context) {
    const auto size = context.ints(1);
    if (!size) return context.set(0, context.dtype(0), std::nullopt);
    if (size->size() < 4 || size->size() > 5) return invalid_argument("{} axes", size->size());
    HF_TRY(Shape(*size).check());
    std::vector<std::int64_t> extents{(*size)[0]};
    extents.insert(extents.end(), size->begin() + 2, size->end());
    extents.push_back(static_cast<std::int64_t>(size->size()) - 2);
    return context.set(0, context.dtype(0), Shape(std::move(extents)));
}

Status max_roi_pool(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* rois = context.shape(1);
    const std::vector<std::int64_t> bins = context.node.ints_or("pooled_shape", {});
    if (bins.size() != 2 || bins[0] < 1 || bins[1] < 1) {
        return invalid_argument("pooled_shape has {} extents", bins.size());
    }
    if (!x || x->rank() != 4 || !rois || rois->rank() != 2) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    return context.set(0, context.dtype(0), Shape{(*rois)[0], (*x)[1], bins[0], bins[1]});
}

}  // namespace

std::vector<Row> image_rows() {
    return {{"", "AffineGrid", affine_grid}, {"", "MaxRoiPool", max_roi_pool},
            {"", "GridSample", grid_sample}, {"", "MaxUnpool", max_unpool},
            {"", "Col2Im", col_to_image},    {"", "CenterCropPad", center_crop_pad}};
}

}  // namespace hf::graph::infer
