// GridSample: the image at given coordinates, over one to three spatial axes; and AffineGrid, which
// makes coordinates.

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

constexpr std::size_t kMaxAxes = 3;

struct Style {
    std::string mode, padding;
    bool align_corners = false;
};

Result<Style> read_style(const graph::Node& node) {
    Style style;
    style.mode = node.string_or("mode", node.opset < 20 ? "bilinear" : "linear");
    if (style.mode == "bilinear") style.mode = "linear";
    if (style.mode == "bicubic") style.mode = "cubic";
    style.padding = node.string_or("padding_mode", "zeros");
    style.align_corners = node.int_or("align_corners", 0) != 0;
    if (style.mode != "linear" && style.mode != "cubic" && style.mode != "nearest") {
        return unimplemented("mode '{}'", style.mode);
    }
    if (style.padding != "zeros" && style.padding != "border" && style.padding != "reflection") {
        return unimplemented("padding_mode '{}'", style.padding);
    }
    return style;
}

// Folds x at the two bounds until it lies between them.
double reflect(double x, double low, double high) {
    const double range = high - low;
    if (range <= 0 || !std::isfinite(x)) return low;
    const double folded = std::fmod(std::abs(x - low), 2 * range);
    return low + (folded <= range ? folded : 2 * range - folded);
}

// Where the pixels of an axis begin and end, in pixels.
struct Edges {
    double low, high;
};
Edges edges_of(const Style& style, std::int64_t extent) {
    const double last = static_cast<double>(extent - 1);
    return style.align_corners ? Edges{0, last} : Edges{-0.5, last + 0.5};
}

// From [-1, 1] to pixels, moved into the image as the padding says.
double locate(const Style& style, double x, std::int64_t extent) {
    const double size = static_cast<double>(extent);
    x = style.align_corners ? (x + 1) / 2 * (size - 1) : ((x + 1) * size - 1) / 2;
    if (style.mode == "nearest") x = std::nearbyint(x);
    const Edges edges = edges_of(style, extent);
    if (x >= edges.low && x <= edges.high) return x;
    // A cubic filter feels the edge before it reaches it, as in PyTorch.
    if (style.padding == "border" && style.mode != "cubic") {
        return std::clamp(std::isnan(x) ? 0 : x, 0.0, size - 1);
    }
    if (style.padding == "reflection") return reflect(x, edges.low, edges.high);
    // Far outside is as good as infinitely far, and stays within the integers.
    return std::clamp(std::isnan(x) ? -8 : x, -8.0, size + 8);
}

struct Tap {
    std::int64_t at;  // negative: a pixel outside, which is zero
    double weight;
};

std::int64_t pixel(const Style& style, std::int64_t at, std::int64_t extent) {
    if (at >= 0 && at < extent) return at;
    if (style.padding == "zeros") return -1;
    if (style.padding == "border") return std::clamp<std::int64_t>(at, 0, extent - 1);
    const Edges edges = edges_of(style, extent);
    const double folded = reflect(static_cast<double>(at), edges.low, edges.high);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(folded), 0, extent - 1);
}

// Keys' cubic convolution kernel with a = -0.75, or the triangle.
double kernel_at(const Style& style, double distance) {
    const double x = std::abs(distance);
    if (style.mode == "linear") return std::max(0.0, 1 - x);
    constexpr double a = -0.75;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

std::vector<Tap> taps_of(const Style& style, double x, std::int64_t extent) {
    x = locate(style, x, extent);
    const auto base = static_cast<std::int64_t>(std::floor(x));
    if (style.mode == "nearest") {
        return {{pixel(style, static_cast<std::int64_t>(std::nearbyint(x)), extent), 1}};
    }
    const std::int64_t reach = style.mode == "cubic" ? 2 : 1;
    std::vector<Tap> taps;
    for (std::int64_t at = base - reach + 1; at <= base + reach; ++at) {
        taps.push_back({pixel(style, at, extent), kernel_at(style, static_cast<double>(at) - x)});
    }
    return taps;
}

// The sum over all combinations of taps, one of each axis.
double sample(const double* plane, const Shape& spatial,
              const std::array<std::vector<Tap>, kMaxAxes>& taps) {
    std::vector<std::int64_t> counts;
    for (std::size_t i = 0; i < spatial.rank(); ++i) {
        counts.push_back(static_cast<std::int64_t>(taps[i].size()));
    }
    const Shape all(std::move(counts));
    std::vector<std::int64_t> at(all.rank(), 0);
    double sum = 0;
    do {
        std::int64_t from = 0;
        double weight = 1;
        for (std::size_t i = 0; i < at.size(); ++i) {
            const Tap& tap = taps[i][static_cast<std::size_t>(at[i])];
            from = tap.at < 0 || from < 0 ? -1 : from * spatial[i] + tap.at;
            weight *= tap.weight;
        }
        if (from >= 0) sum += weight * plane[from];
    } while (next_coordinate(all, at));
    return sum;
}

Outputs grid_sample(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    const Tensor grid = HF_TRY(need_input(context, 1));
    const Style style = HF_TRY(read_style(context.node));
    const std::size_t rank = x.shape().rank();
    if (rank < 3 || rank - 2 > kMaxAxes || grid.shape().rank() != rank ||
        grid.shape()[0] != x.shape()[0] ||
        grid.shape()[rank - 1] != static_cast<std::int64_t>(rank - 2)) {
        return invalid_argument("input {} does not fit grid {}", x.shape().to_string(),
                                grid.shape().to_string());
    }
    const Shape spatial(std::vector<std::int64_t>(x.shape().begin() + 2, x.shape().end()));
    const std::int64_t pixels = spatial.elements(), channels = x.shape()[1];
    if (pixels == 0) return invalid_argument("an image without pixels");
    std::vector<std::int64_t> extents{x.shape()[0], channels};
    extents.insert(extents.end(), grid.shape().begin() + 1, grid.shape().end() - 1);
    Tensor out = HF_TRY(make_tensor(DType::kF64, Shape(std::move(extents))));
    if (out.elements() == 0) return one(HF_TRY(cast_tensor(out, x.dtype())));
    const std::vector<double> image = HF_TRY(to_doubles(x)), places = HF_TRY(to_doubles(grid));
    const std::int64_t points = out.elements() / (x.shape()[0] * channels);
    const auto to = out.mutable_values<double>();
    for (std::int64_t n = 0; n < x.shape()[0]; ++n) {
        for (std::int64_t p = 0; p < points; ++p) {
            std::array<std::vector<Tap>, kMaxAxes> taps;
            // The grid names the innermost axis first.
            for (std::size_t i = 0; i < rank - 2; ++i) {
                const std::size_t from = static_cast<std::size_t>(n * points + p) * (rank - 2);
                taps[i] = taps_of(style, places[from + (rank - 3 - i)], spatial[i]);
            }
            for (std::int64_t c = 0; c < channels; ++c) {
                const std::int64_t plane = n * channels + c;
                to[static_cast<std::size_t>(plane * points + p)] =
                    sample(image.data() + plane * pixels, spatial, taps);
            }
        }
    }
    return one(HF_TRY(cast_tensor(out, x.dtype())));
}

// The middle of pixel `at` of an axis, or with aligned corners its place between them, in [-1, 1].
double place_of(std::int64_t at, std::int64_t extent, bool align_corners) {
    const double size = static_cast<double>(extent), x = static_cast<double>(at);
    if (!align_corners) return (2 * x + 1) / size - 1;
    return extent == 1 ? 0 : 2 * x / (size - 1) - 1;
}

// Matrices [N, axes, axes + 1] and the size [N, C, ...] of the image to be.
Outputs affine_grid(const OpContext& context) {
    const Tensor theta = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> size = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    const auto axes = static_cast<std::int64_t>(size.size()) - 2;
    if (axes < 2 || axes > 3 || theta.shape() != Shape{size[0], axes, axes + 1}) {
        return invalid_argument("matrices {} do not fit a size of {} axes",
                                theta.shape().to_string(), size.size());
    }
    std::vector<std::int64_t> extents{size[0]};
    extents.insert(extents.end(), size.begin() + 2, size.end());
    extents.push_back(axes);
    const Shape shape(std::move(extents));
    Tensor out = HF_TRY(make_tensor(DType::kF64, shape));
    if (out.elements() == 0) return one(HF_TRY(cast_tensor(out, theta.dtype())));
    const bool aligned = context.node.int_or("align_corners", 0) != 0;
    const std::vector<double> matrices = HF_TRY(to_doubles(theta));
    std::vector<std::int64_t> at(shape.rank(), 0);
    for (double& value : out.mutable_values<double>()) {
        const std::int64_t row = at[0] * axes + at[shape.rank() - 1];
        const double* line = matrices.data() + row * (axes + 1);
        value = line[axes];
        // The matrix names the innermost axis first.
        for (std::int64_t i = 0; i < axes; ++i) {
            const auto axis = static_cast<std::size_t>(axes - i);
            value += line[i] * place_of(at[axis], shape[axis], aligned);
        }
        next_coordinate(shape, at);
    }
    return one(HF_TRY(cast_tensor(out, theta.dtype())));
}

}  // namespace

std::vector<OpRow> grid_sample_rows() {
    return {{"", "GridSample", grid_sample}, {"", "AffineGrid", affine_grid}};
}

}  // namespace hf::runtime::ref
