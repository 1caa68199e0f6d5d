// Operators of object detection: NonMaxSuppression and RoiAlign.

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// The corners of a box, the first below the second.
struct Box {
    float x1, y1, x2, y2;

    float area() const { return (x2 - x1) * (y2 - y1); }
};

Box box_at(std::span<const float> values, bool center) {
    const float a = values[0], b = values[1], c = values[2], d = values[3];
    // Center, width and height in x and y; or two diagonal corners in y, x.
    if (center) return {a - c / 2, b - d / 2, a + c / 2, b + d / 2};
    return {std::min(b, d), std::min(a, c), std::max(b, d), std::max(a, c)};
}

bool overlaps(const Box& a, const Box& b, float threshold) {
    const float width = std::min(a.x2, b.x2) - std::max(a.x1, b.x1);
    const float height = std::min(a.y2, b.y2) - std::max(a.y1, b.y1);
    if (width <= 0 || height <= 0 || a.area() <= 0 || b.area() <= 0) return false;
    const float shared = width * height;
    return shared / (a.area() + b.area() - shared) > threshold;
}

struct Suppression {
    bool center = false;
    std::int64_t most = 0;  // boxes of one class in one batch
    float overlap = 0;
    std::optional<float> score;

    // The boxes that stay, best first.
    std::vector<std::int64_t> select(std::span<const Box> boxes,
                                     std::span<const float> scores) const {
        std::vector<std::int64_t> order;
        for (std::size_t i = 0; i < boxes.size(); ++i) {
            const bool counts = !std::isnan(scores[i]) && (!score || scores[i] > *score);
            if (counts) order.push_back(static_cast<std::int64_t>(i));
        }
        std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
            return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
        });
        std::vector<std::int64_t> kept;
        for (std::int64_t next : order) {
            if (static_cast<std::int64_t>(kept.size()) >= most) break;
            const Box& box = boxes[static_cast<std::size_t>(next)];
            const bool free = std::none_of(kept.begin(), kept.end(), [&](std::int64_t other) {
                return overlaps(box, boxes[static_cast<std::size_t>(other)], overlap);
            });
            if (free) kept.push_back(next);
        }
        return kept;
    }
};

// The one number of an optional input.
Result<std::optional<double>> scalar_input(const OpContext& context, std::size_t index) {
    if (!context.input(index)) return std::optional<double>();
    const std::vector<double> values = HF_TRY(to_doubles(*context.input(index)));
    if (values.size() != 1) return invalid_argument("input {} must be one number", index);
    return std::optional<double>(values[0]);
}

Result<Suppression> read_suppression(const OpContext& context) {
    Suppression rule;
    rule.center = context.node.int_or("center_point_box", 0) != 0;
    const double most = HF_TRY(scalar_input(context, 2)).value_or(0);
    rule.most = static_cast<std::int64_t>(std::clamp(most, 0.0, 0x1p40));
    rule.overlap = static_cast<float>(HF_TRY(scalar_input(context, 3)).value_or(0));
    if (const auto score = HF_TRY(scalar_input(context, 4))) {
        rule.score = static_cast<float>(*score);
    }
    return rule;
}

Outputs non_max_suppression(const OpContext& context) {
    const Tensor boxes = HF_TRY(need_input(context, 0));
    const Tensor scores = HF_TRY(need_input(context, 1));
    const Shape &b = boxes.shape(), &s = scores.shape();
    if (boxes.dtype() != DType::kF32 || scores.dtype() != DType::kF32) {
        return invalid_argument("want boxes and scores of f32");
    }
    if (b.rank() != 3 || s.rank() != 3 || b[0] != s[0] || b[1] != s[2] || b[2] != 4) {
        return invalid_argument("boxes {} do not fit scores {}", b.to_string(), s.to_string());
    }
    const Suppression rule = HF_TRY(read_suppression(context));
    const auto count = static_cast<std::size_t>(b[1]);
    std::vector<std::int64_t> picked;
    for (std::int64_t batch = 0; batch < b[0]; ++batch) {
        std::vector<Box> all;
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t from = (static_cast<std::size_t>(batch) * count + i) * 4;
            all.push_back(box_at(boxes.values<float>().subspan(from, 4), rule.center));
        }
        for (std::int64_t label = 0; label < s[1]; ++label) {
            const auto from = static_cast<std::size_t>(batch * s[1] + label) * count;
            for (std::int64_t i : rule.select(all, scores.values<float>().subspan(from, count))) {
                picked.insert(picked.end(), {batch, label, i});
            }
        }
    }
    const auto rows = static_cast<std::int64_t>(picked.size() / 3);
    return one(Tensor::of<std::int64_t>(DType::kI64, {rows, 3}, picked));
}

// Along one axis: the two pixels around a sample and the weight of the second.
struct Between {
    std::int64_t low = 0, high = 0;
    double weight = 0;
    bool outside = false;
};

Between between(double x, std::int64_t extent) {
    if (!(x >= -1 && x <= static_cast<double>(extent))) return {0, 0, 0, true};
    x = std::max(x, 0.0);
    const auto low = static_cast<std::int64_t>(x);
    if (low >= extent - 1) return {extent - 1, extent - 1, 0, false};
    return {low, low + 1, x - static_cast<double>(low), false};
}

struct RoiStyle {
    bool maximum = false, half_pixel = false;
    std::int64_t height = 1, width = 1, samples = 0;
    double scale = 1;
};

Result<RoiStyle> read_roi_style(const graph::Node& node) {
    RoiStyle style;
    const std::string mode = node.string_or("mode", "avg");
    if (mode != "avg" && mode != "max") return unimplemented("mode '{}'", mode);
    style.maximum = mode == "max";
    const std::string fallback = node.opset < 16 ? "output_half_pixel" : "half_pixel";
    style.half_pixel = node.string_or("coordinate_transformation_mode", fallback) == "half_pixel";
    style.height = node.int_or("output_height", 1);
    style.width = node.int_or("output_width", 1);
    style.samples = node.int_or("sampling_ratio", 0);
    style.scale = double{node.float_or("spatial_scale", 1)};
    if (style.height < 1 || style.width < 1 || style.samples < 0) {
        return invalid_argument("output of {}x{} with {} samples", style.height, style.width,
                                style.samples);
    }
    return style;
}

// One region along one axis.
struct Side {
    double start, end;
    std::int64_t bins, extent;
};

// The samples of each of its bins.
Result<std::vector<std::vector<Between>>> sample_bins(const RoiStyle& style, const Side& side) {
    const auto [start, end, bins, extent] = side;
    const double shift = style.half_pixel ? 0.5 : 0;
    const double low = start * style.scale - shift;
    const double length = end * style.scale - shift - low;
    const double bin =
        (style.half_pixel ? length : std::max(length, 1.0)) / static_cast<double>(bins);
    const double count =
        style.samples > 0 ? static_cast<double>(style.samples) : std::max(0.0, std::ceil(bin));
    // No sensible model takes several samples a pixel, or this many altogether.
    constexpr double kMaxSamples = 1 << 24;
    if (!(count <= 4 * static_cast<double>(extent) + 64 &&
          count * static_cast<double>(bins) <= kMaxSamples)) {
        return invalid_argument("a region asks for {} samples a bin on an axis of {}", count,
                                extent);
    }
    std::vector<std::vector<Between>> all(static_cast<std::size_t>(bins));
    for (std::size_t i = 0; i < all.size(); ++i) {
        for (double k = 0; k < count; ++k) {
            const double x = low + static_cast<double>(i) * bin + (k + 0.5) * bin / count;
            all[i].push_back(between(x, extent));
        }
    }
    return all;
}

struct Plane {
    const double* data;
    std::int64_t width;

    double at(std::int64_t y, std::int64_t x) const { return data[y * width + x]; }
};

double pool_bin(const Plane& plane, bool maximum, std::span<const Between> ys,
                std::span<const Between> xs) {
    double sum = 0, largest = -std::numeric_limits<double>::infinity();
    for (const Between& y : ys) {
        for (const Between& x : xs) {
            std::array<double, 4> parts{};
            if (!y.outside && !x.outside) {
                parts = {(1 - y.weight) * (1 - x.weight) * plane.at(y.low, x.low),
                         (1 - y.weight) * x.weight * plane.at(y.low, x.high),
                         y.weight * (1 - x.weight) * plane.at(y.high, x.low),
                         y.weight * x.weight * plane.at(y.high, x.high)};
            }
            for (double part : parts) {
                sum += part;
                largest = std::max(largest, part);
            }
        }
    }
    const std::size_t count = ys.size() * xs.size();
    if (count == 0) return 0;
    return maximum ? largest : sum / static_cast<double>(count);
}

Outputs roi_align(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    const Tensor rois = HF_TRY(need_input(context, 1));
    const std::vector<std::int64_t> batches = HF_TRY(to_int64s(HF_TRY(need_input(context, 2))));
    const RoiStyle style = HF_TRY(read_roi_style(context.node));
    if (x.shape().rank() != 4 || rois.shape().rank() != 2 || rois.shape()[1] != 4 ||
        rois.shape()[0] != static_cast<std::int64_t>(batches.size())) {
        return invalid_argument("input {} does not fit regions {} of {} batch indices",
                                x.shape().to_string(), rois.shape().to_string(), batches.size());
    }
    const std::int64_t channels = x.shape()[1], height = x.shape()[2], width = x.shape()[3];
    if (height == 0 || width == 0) return invalid_argument("an image without pixels");
    const std::vector<double> image = HF_TRY(to_doubles(x)), corners = HF_TRY(to_doubles(rois));
    Tensor out =
        HF_TRY(make_tensor(DType::kF64, {rois.shape()[0], channels, style.height, style.width}));
    std::size_t index = 0;
    for (std::size_t r = 0; r < batches.size() && out.elements() > 0; ++r) {
        if (batches[r] < 0 || batches[r] >= x.shape()[0]) {
            return invalid_argument("batch index {} of {}", batches[r], x.shape()[0]);
        }
        const double* roi = corners.data() + r * 4;
        const auto columns = HF_TRY(sample_bins(style, {roi[0], roi[2], style.width, width}));
        const auto rows = HF_TRY(sample_bins(style, {roi[1], roi[3], style.height, height}));
        for (std::int64_t c = 0; c < channels; ++c) {
            const Plane plane{image.data() + (batches[r] * channels + c) * height * width, width};
            for (const auto& ys : rows) {
                for (const auto& xs : columns) {
                    out.mutable_values<double>()[index++] = pool_bin(plane, style.maximum, ys, xs);
                }
            }
        }
    }
    return one(HF_TRY(cast_tensor(out, x.dtype())));
}

}  // namespace

std::vector<OpRow> detect_rows() {
    return {{"", "NonMaxSuppression", non_max_suppression}, {"", "RoiAlign", roi_align}};
}

}  // namespace hf::runtime::ref
