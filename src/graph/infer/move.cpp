// Operators that move elements: permute, join, cut, repeat, pad, resize.

#include <algorithm>
#include <limits>
#include <numeric>

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

Status only_type(Context& context) {
    return context.set(0, context.dtype(0), std::nullopt);
}

Shape unknown_extents(std::size_t rank) {
    return Shape(std::vector<std::int64_t>(rank, kUnknown));
}

Status transpose(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return only_type(context);
    std::vector<std::int64_t> order = context.node.ints_or("perm", {});
    if (order.empty()) {
        for (std::size_t i = from->rank(); i-- > 0;) order.push_back(static_cast<std::int64_t>(i));
    }
    std::vector<std::int64_t> sorted = order;
    std::sort(sorted.begin(), sorted.end());
    std::vector<std::int64_t> axes(from->rank());
    std::iota(axes.begin(), axes.end(), 0);
    if (sorted != axes) {
        return invalid_argument("perm does not permute the axes of {}", from->to_string());
    }
    Shape to = unknown_extents(from->rank());
    for (std::size_t i = 0; i < from->rank(); ++i) {
        to[i] = (*from)[static_cast<std::size_t>(order[i])];
    }
    return context.set(0, context.dtype(0), std::move(to));
}

void follow_concat(Context& context) {
    Content joined;
    for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
        const Shape* shape = context.shape(i);
        if (!shape || !shape->is_known() ||
            shape->elements() > static_cast<std::int64_t>(kMaxContentElements)) {
            return;
        }
        const Content* part = context.content(i);
        const auto size = static_cast<std::size_t>(shape->elements());
        const Content unknown(size, kUnknownElement);
        const Content& from = part && part->size() == size ? *part : unknown;
        joined.insert(joined.end(), from.begin(), from.end());
    }
    context.set_content(0, std::move(joined));
}

Status concat(Context& context) {
    std::optional<Shape> joined;
    std::optional<DType> dtype;
    std::size_t axis = 0;
    for (std::size_t i = 0; i < context.node.inputs.size(); ++i) {
        if (!dtype) dtype = context.dtype(i);
        const Shape* part = context.shape(i);
        if (!part) return context.set(0, dtype, std::nullopt);
        if (!joined) {
            axis = HF_TRY(axis_of(context, 1, part->rank()));
            joined = *part;
            continue;
        }
        bool fits = part->rank() == joined->rank();
        for (std::size_t a = 0; fits && a < part->rank(); ++a) {
            std::int64_t& extent = (*joined)[a];
            const std::int64_t other = (*part)[a];
            if (a == axis) {
                extent = extent < 0 || other < 0 ? kUnknown : extent + other;
            } else {
                fits = extent == other || extent == kUnknown || other == kUnknown;
                if (extent == kUnknown) extent = other;
            }
        }
        if (!fits) {
            return invalid_argument("input {} is {}, which does not fit the others along axis {}",
                                    i, part->to_string(), axis);
        }
    }
    HF_TRY(context.set(0, dtype, joined));
    follow_concat(context);
    return {};
}

// How long each part is; empty when that is not known.
Result<std::vector<std::int64_t>> part_sizes(const Context& context, std::int64_t extent) {
    const std::size_t parts = context.output_count();
    const auto given = context.ints("split", 1);
    if (!given) return std::vector<std::int64_t>();
    if (!given->empty()) {
        if (given->size() != parts) {
            return invalid_argument("{} sizes for {} outputs", given->size(), parts);
        }
        std::int64_t sum = 0;
        for (std::int64_t size : *given) {
            if (size < 0 || size > Shape::kMaxElements) return invalid_argument("size {}", size);
            sum += size;
        }
        if (extent >= 0 && sum != extent) {
            return invalid_argument("the sizes add up to {}, not {}", sum, extent);
        }
        return *given;
    }
    if (extent < 0) return std::vector<std::int64_t>();
    const auto count = static_cast<std::int64_t>(parts);
    const std::int64_t size = (extent + count - 1) / count;
    std::vector<std::int64_t> sizes(parts, size);
    sizes.back() = extent - size * (count - 1);
    if (sizes.back() < 0) return invalid_argument("{} does not split into {}", extent, parts);
    return sizes;
}

Status split(Context& context) {
    const Shape* from = context.shape(0);
    if (!from || context.output_count() == 0) {
        for (std::size_t i = 0; i < context.output_count(); ++i) {
            HF_TRY(context.set(i, context.dtype(0), std::nullopt));
        }
        return {};
    }
    const std::size_t axis = HF_TRY(axis_of(context, 0, from->rank()));
    const std::vector<std::int64_t> sizes = HF_TRY(part_sizes(context, (*from)[axis]));
    const Content* content = context.content(0);
    std::size_t start = 0;
    for (std::size_t i = 0; i < context.output_count(); ++i) {
        Shape part = *context.shape(0);
        part[axis] = sizes.empty() ? kUnknown : sizes[i];
        HF_TRY(context.set(i, context.dtype(0), part));
        if (sizes.empty()) continue;
        const std::size_t end = start + static_cast<std::size_t>(sizes[i]);
        if (content && end <= content->size()) {
            context.set_content(i, Content(content->begin() + static_cast<std::ptrdiff_t>(start),
                                           content->begin() + static_cast<std::ptrdiff_t>(end)));
        }
        start = end;
    }
    return {};
}

struct Cut {
    std::int64_t start = 0;
    std::int64_t step = 1;
    std::int64_t count = 0;
};

// ONNX's clamping of one axis of Slice.
Cut cut_axis(std::int64_t extent, std::int64_t start, std::int64_t end, std::int64_t step) {
    const auto clamp = [&](std::int64_t at, std::int64_t low, std::int64_t high) {
        return std::clamp(at < 0 ? at + extent : at, low, high);
    };
    Cut cut;
    cut.step = step;
    if (step > 0) {
        cut.start = clamp(start, 0, extent);
        const std::int64_t stop = clamp(end, 0, extent);
        cut.count = stop > cut.start ? (stop - cut.start - 1) / step + 1 : 0;
    } else {
        cut.start = clamp(start, 0, std::max<std::int64_t>(extent - 1, 0));
        const std::int64_t stop = clamp(end, -1, extent - 1);
        cut.count = cut.start > stop && extent > 0 ? (cut.start - stop - 1) / -step + 1 : 0;
    }
    return cut;
}

Status slice(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return only_type(context);
    const bool old = context.node.has("starts");
    const auto starts = old ? context.node.ints_or("starts", {}) : context.ints(1);
    const auto ends = old ? context.node.ints_or("ends", {}) : context.ints(2);
    const auto axes = old ? context.node.ints_or("axes", {}) : context.ints(3);
    const auto steps = old ? std::vector<std::int64_t>() : context.ints(4);
    if (!axes) return context.set(0, context.dtype(0), unknown_extents(from->rank()));
    Shape to = *from;
    std::size_t count = axes->size();
    if (count == 0) count = starts ? starts->size() : ends ? ends->size() : from->rank();
    std::optional<Cut> only;
    for (std::size_t i = 0; i < count; ++i) {
        const std::int64_t given = axes->empty() ? static_cast<std::int64_t>(i) : (*axes)[i];
        const std::size_t axis = HF_TRY(normalize_axis(given, from->rank()));
        if (!starts || !ends || !steps || (*from)[axis] < 0) {
            to[axis] = kUnknown;
            continue;
        }
        if (i >= starts->size() || i >= ends->size() || (i >= steps->size() && !steps->empty())) {
            return invalid_argument("starts, ends, axes and steps differ in length");
        }
        // One step back is always one that can be turned around.
        const std::int64_t step =
            steps->empty() ? 1 : std::max((*steps)[i], -std::numeric_limits<std::int64_t>::max());
        if (step == 0) return invalid_argument("a step of 0");
        only = cut_axis((*from)[axis], (*starts)[i], (*ends)[i], step);
        to[axis] = only->count;
    }
    HF_TRY(context.set(0, context.dtype(0), to));
    const Content* content = context.content(0);
    if (!content || !only || from->rank() != 1) return {};
    Content cut;
    for (std::int64_t i = 0; i < only->count; ++i) {
        const auto at = static_cast<std::size_t>(only->start + i * only->step);
        cut.push_back(at < content->size() ? (*content)[at] : kUnknownElement);
    }
    context.set_content(0, std::move(cut));
    return {};
}

Status tile(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return only_type(context);
    Shape to = unknown_extents(from->rank());
    const auto repeats = context.ints(1);
    const bool old = context.node.opset < 6 && context.has_input(2);
    if (!repeats || old) return context.set(0, context.dtype(0), to);
    if (repeats->size() != from->rank()) {
        return invalid_argument("{} repeats for {}", repeats->size(), from->to_string());
    }
    for (std::size_t i = 0; i < from->rank(); ++i) {
        if ((*repeats)[i] < 0) return invalid_argument("{} repeats", (*repeats)[i]);
        to[i] = (*from)[i] < 0 ? kUnknown
                               : product(std::vector<std::int64_t>{(*from)[i], (*repeats)[i]});
    }
    return context.set(0, context.dtype(0), to);
}

Status pad(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return only_type(context);
    const auto pads =
        context.node.opset < 2 ? context.node.ints_or("paddings", {}) : context.ints("pads", 1);
    auto axes = context.node.opset < 18 ? std::vector<std::int64_t>() : context.ints(3);
    if (!pads || !axes) return context.set(0, context.dtype(0), unknown_extents(from->rank()));
    if (axes->empty()) {
        for (std::size_t i = 0; i < from->rank(); ++i) axes->push_back(static_cast<int>(i));
    }
    if (pads->size() != 2 * axes->size()) {
        return invalid_argument("{} pads for {} axes", pads->size(), axes->size());
    }
    Shape to = *from;
    for (std::size_t i = 0; i < axes->size(); ++i) {
        const std::size_t axis = HF_TRY(normalize_axis((*axes)[i], from->rank()));
        if (to[axis] == kUnknown) continue;
        to[axis] += (*pads)[i] + (*pads)[i + axes->size()];
        if (to[axis] < 0) return invalid_argument("pads leave axis {} with {}", axis, to[axis]);
    }
    return context.set(0, context.dtype(0), to);
}

Status depth_to_space(Context& context) {
    const Shape* from = context.shape(0);
    const std::int64_t block = context.node.int_or("blocksize", 0);
    if (!from || from->rank() != 4 || block < 1 || block > (1 << 15)) return only_type(context);
    const bool to_space = context.node.op == "DepthToSpace";
    Shape to = *from;
    const auto scale = [&](std::size_t axis, std::int64_t factor, bool up) -> Status {
        if (to[axis] == kUnknown) return {};
        if (!up && to[axis] % factor != 0) {
            return invalid_argument("axis {} of {} does not divide by {}", axis, from->to_string(),
                                    factor);
        }
        to[axis] = up ? to[axis] * factor : to[axis] / factor;
        return {};
    };
    HF_TRY(scale(1, block * block, !to_space));
    HF_TRY(scale(2, block, to_space));
    HF_TRY(scale(3, block, to_space));
    return context.set(0, context.dtype(0), to);
}

Status resize(Context& context) {
    const Shape* from = context.shape(0);
    if (!from) return only_type(context);
    Shape to = unknown_extents(from->rank());
    const bool upsample = context.node.op == "Upsample";
    const bool plain = !context.node.has("axes") && !context.node.has("keep_aspect_ratio_policy");
    if (!plain) return context.set(0, context.dtype(0), to);
    const std::size_t scales_at = upsample || context.node.opset < 11 ? 1 : 2;
    const auto sizes = context.ints(3);
    if (sizes && sizes->size() == from->rank()) to = Shape(*sizes);
    std::vector<float> scales = context.node.floats_or("scales", {});
    if (const Tensor* given = context.constant(scales_at); given && given->dtype() == DType::kF32) {
        scales.assign(given->values<float>().begin(), given->values<float>().end());
    }
    const bool by_scale = scales.size() == from->rank() && (!context.has_input(3) || upsample);
    for (std::size_t i = 0; by_scale && i < from->rank(); ++i) {
        if ((*from)[i] == kUnknown) continue;
        if (!(scales[i] > 0 && scales[i] < 1e6f)) return invalid_argument("scale {}", scales[i]);
        // In single precision, as exporters' own inference has it; a scale of 1 changes nothing.
        const float extent = std::floor(static_cast<float>((*from)[i]) * scales[i]);
        to[i] = scales[i] == 1 ? (*from)[i] : static_cast<std::int64_t>(extent);
    }
    for (std::int64_t extent : to) {
        if (extent < kUnknown) return invalid_argument("size {}", extent);
    }
    return context.set(0, context.dtype(0), to);
}

}  // namespace

std::vector<Row> move_rows() {
    return {{"", "Transpose", transpose},
            {"", "Concat", concat},
            {"", "Split", split},
            {"", "Slice", slice},
            {"", "Tile", tile},
            {"", "Pad", pad},
            {"", "DepthToSpace", depth_to_space},
            {"", "SpaceToDepth", depth_to_space},
            {"", "Resize", resize},
            {"", "Upsample", resize}};
}

}  // namespace hf::graph::infer
