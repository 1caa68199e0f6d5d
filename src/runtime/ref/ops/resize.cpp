// Resize and Upsample: each axis is resampled by itself, one after the other.

#include "runtime/ref/ops/resize_axis.h"

#include <algorithm>
#include <cmath>

namespace hf::runtime::ref {
namespace {

struct Plan {
    ResizeStyle style;
    std::vector<ResizeAxis> axes;  // one an axis of the input
    double extrapolation = 0;

    Shape out() const {
        std::vector<std::int64_t> extents;
        for (const ResizeAxis& axis : axes) extents.push_back(axis.out);
        return Shape(std::move(extents));
    }
};

// Upsample and the first Resize knew two modes and one way to place pixels.
bool is_first_form(const graph::Node& node) {
    return node.op == "Upsample" || node.opset < 11;
}

ResizeStyle read_style(const graph::Node& node) {
    ResizeStyle style;
    style.mode = node.string_or("mode", "nearest");
    if (is_first_form(node)) {
        if (style.mode == "bilinear" || style.mode == "trilinear") style.mode = "linear";
        style.coordinates = "asymmetric";
        style.rounding = "simple";
        return style;
    }
    style.coordinates = node.string_or("coordinate_transformation_mode", "half_pixel");
    style.rounding = node.string_or("nearest_mode", "round_prefer_floor");
    style.cubic_a = double{node.float_or("cubic_coeff_a", -0.75f)};
    style.exclude_outside = node.int_or("exclude_outside", 0) != 0;
    style.antialias = node.int_or("antialias", 0) != 0;
    return style;
}

// An axis that is resampled gets no longer than this: its taps are held in memory.
constexpr std::int64_t kMaxResampled = 1 << 24;

// Whether the axis stays as it is.
bool is_kept(const ResizeStyle& style, const ResizeAxis& axis) {
    const bool shifts =
        style.coordinates == "tf_crop_and_resize" || style.coordinates == "tf_half_pixel_for_nn";
    return !shifts && axis.scale == 1 && axis.out == axis.in;
}

// The taps of each axis; empty for one that is kept.
Result<std::vector<std::vector<Taps>>> plan_taps(const Plan& plan) {
    std::vector<std::vector<Taps>> taps;
    for (const ResizeAxis& axis : plan.axes) {
        const bool kept = is_kept(plan.style, axis);
        if (!kept && axis.out > kMaxResampled) {
            return resource_exhausted("an axis of {} becomes {}; at most {}", axis.in, axis.out,
                                      kMaxResampled);
        }
        taps.push_back(kept ? std::vector<Taps>() : taps_of(plan.style, axis));
    }
    return taps;
}

// The axes that scales, sizes and roi speak of.
Result<std::vector<std::size_t>> resized_axes(const graph::Node& node, std::size_t rank) {
    std::vector<std::size_t> axes;
    for (std::int64_t axis : node.ints_or("axes", {})) {
        axes.push_back(HF_TRY(normalize_axis(axis, rank)));
        if (std::count(axes.begin(), axes.end(), axes.back()) > 1) {
            return invalid_argument("axis {} is given twice", axis);
        }
    }
    for (std::size_t i = 0; i < rank && !node.has("axes"); ++i) axes.push_back(i);
    return axes;
}

// The length in single precision, as exporters' own shape inference has it.
Status set_scale(ResizeAxis& axis, double scale) {
    if (scale == 1) return {};
    const double extent =
        double{std::floor(static_cast<float>(axis.in) * static_cast<float>(scale))};
    if (!(scale > 0 && extent <= static_cast<double>(Shape::kMaxElements))) {
        return invalid_argument("scale {} of an axis of {}", scale, axis.in);
    }
    axis.scale = scale;
    axis.out = static_cast<std::int64_t>(extent);
    return {};
}

Status set_size(ResizeAxis& axis, std::int64_t size) {
    if (size < 0 || size > Shape::kMaxElements || (axis.in == 0 && size > 0)) {
        return invalid_argument("size {} of an axis of {}", size, axis.in);
    }
    axis.out = size;
    axis.scale = axis.in == 0 ? 1 : static_cast<double>(size) / static_cast<double>(axis.in);
    return {};
}

Status set_sizes(Plan& plan, const OpContext& context, const std::vector<std::size_t>& which,
                 std::vector<std::int64_t> sizes) {
    if (sizes.size() != which.size()) {
        return invalid_argument("{} sizes for {} axes", sizes.size(), which.size());
    }
    for (std::size_t i = 0; i < which.size(); ++i) HF_TRY(set_size(plan.axes[which[i]], sizes[i]));
    const std::string policy = context.node.string_or("keep_aspect_ratio_policy", "stretch");
    if (policy == "stretch" || which.empty()) return {};
    if (policy != "not_larger" && policy != "not_smaller") {
        return unimplemented("keep_aspect_ratio_policy '{}'", policy);
    }
    double scale = plan.axes[which[0]].scale;
    for (std::size_t axis : which) {
        const double other = plan.axes[axis].scale;
        scale = policy == "not_larger" ? std::min(scale, other) : std::max(scale, other);
    }
    for (std::size_t axis : which) {
        const double size = std::floor(scale * static_cast<double>(plan.axes[axis].in) + 0.5);
        if (!(size <= static_cast<double>(Shape::kMaxElements))) {
            return invalid_argument("axis {} becomes {}", axis, size);
        }
        HF_TRY(set_size(plan.axes[axis], static_cast<std::int64_t>(size)));
        plan.axes[axis].scale = scale;
    }
    return {};
}

Status read_crop(Plan& plan, const OpContext& context, const std::vector<std::size_t>& which) {
    plan.extrapolation = double{context.node.float_or("extrapolation_value", 0)};
    if (plan.style.coordinates != "tf_crop_and_resize") return {};
    const std::vector<double> roi = HF_TRY(to_doubles(HF_TRY(need_input(context, 1))));
    if (roi.size() != 2 * which.size()) {
        return invalid_argument("roi has {} values for {} axes", roi.size(), which.size());
    }
    for (std::size_t i = 0; i < which.size(); ++i) {
        plan.axes[which[i]].crop_start = roi[i];
        plan.axes[which[i]].crop_end = roi[i + which.size()];
    }
    return {};
}

Result<Plan> make_plan(const OpContext& context, const Shape& input) {
    Plan plan;
    plan.style = read_style(context.node);
    HF_TRY(check_style(plan.style));
    for (std::int64_t extent : input) plan.axes.push_back({extent, extent, 1, 0, 1});
    const std::vector<std::size_t> which = HF_TRY(resized_axes(context.node, input.rank()));
    const bool first = is_first_form(context.node);
    if (!first) HF_TRY(read_crop(plan, context, which));
    const Tensor* sizes = first ? nullptr : context.input(3);
    if (sizes && sizes->elements() > 0) {
        HF_TRY(set_sizes(plan, context, which, HF_TRY(to_int64s(*sizes))));
        return plan;
    }
    const std::vector<float> given = context.node.floats_or("scales", {});
    std::vector<double> scales(given.begin(), given.end());
    if (scales.empty()) scales = HF_TRY(to_doubles(HF_TRY(need_input(context, first ? 1 : 2))));
    if (scales.size() != which.size()) {
        return invalid_argument("{} scales for {} axes", scales.size(), which.size());
    }
    for (std::size_t i = 0; i < which.size(); ++i) {
        HF_TRY(set_scale(plan.axes[which[i]], scales[i]));
    }
    return plan;
}

// Any element type: every output element is one of the input's.
Result<Tensor> pick_nearest(const Plan& plan, const Tensor& input,
                            const std::vector<std::vector<Taps>>& taps) {
    const std::vector<std::int64_t> strides = input.shape().strides();
    return move_elements(input, plan.out(), [&](auto at) {
        std::int64_t from = 0;
        for (std::size_t i = 0; i < at.size(); ++i) {
            const auto place = static_cast<std::size_t>(at[i]);
            from += (taps[i].empty() ? at[i] : taps[i][place][0].first) * strides[i];
        }
        return from;
    });
}

Result<Tensor> resample(const Tensor& input, std::size_t axis, const std::vector<Taps>& taps) {
    Shape shape = input.shape();
    shape[axis] = static_cast<std::int64_t>(taps.size());
    Tensor out = HF_TRY(make_tensor(DType::kF64, shape));
    const AxisSplit from = split_at(input.shape(), axis);
    const auto in = input.values<double>();
    const auto to = out.mutable_values<double>();
    std::size_t index = 0;
    for (std::int64_t outer = 0; outer < from.outer; ++outer) {
        for (const Taps& each : taps) {
            for (std::int64_t inner = 0; inner < from.inner; ++inner, ++index) {
                for (const auto& [at, weight] : each) {
                    const std::int64_t place = (outer * from.extent + at) * from.inner + inner;
                    to[index] += weight * in[static_cast<std::size_t>(place)];
                }
            }
        }
    }
    return out;
}

// Puts the value where a position of an axis has no taps.
void fill_outside(Tensor& out, std::size_t axis, const std::vector<Taps>& taps, double value) {
    const AxisSplit split = split_at(out.shape(), axis);
    for (std::size_t i = 0; i < static_cast<std::size_t>(out.elements()); ++i) {
        const std::int64_t at = static_cast<std::int64_t>(i) / split.inner % split.extent;
        if (taps[static_cast<std::size_t>(at)].empty()) out.mutable_values<double>()[i] = value;
    }
}

Outputs resize(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Plan plan = HF_TRY(make_plan(context, input.shape()));
    const Shape shape = plan.out();
    HF_TRY(shape.check());
    if (shape.elements() == 0) return one(HF_TRY(make_tensor(input.dtype(), shape)));
    const std::vector<std::vector<Taps>> taps = HF_TRY(plan_taps(plan));
    const bool crops = plan.style.coordinates == "tf_crop_and_resize";
    if (plan.style.mode == "nearest" && !crops) {
        return one(HF_TRY(pick_nearest(plan, input, taps)));
    }
    Tensor out = HF_TRY(cast_tensor(input, DType::kF64));
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (!taps[i].empty()) out = HF_TRY(resample(out, i, taps[i]));
    }
    for (std::size_t i = 0; i < shape.rank() && crops; ++i) {
        fill_outside(out, i, taps[i], plan.extrapolation);
    }
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

}  // namespace

std::vector<OpRow> resize_rows() {
    return {{"", "Resize", resize}, {"", "Upsample", resize}};
}

}  // namespace hf::runtime::ref
