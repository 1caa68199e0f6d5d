#include "runtime/ref/ops/resize_axis.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace hf::runtime::ref {
namespace {

// Where output position x lies on the input's axis.
double source_of(const std::string& mode, const ResizeAxis& axis, double x) {
    const double in = static_cast<double>(axis.in);
    // The length before rounding down, which the standard's own cases were made with.
    const double out = in * axis.scale;
    if (mode == "align_corners") return out == 1 ? 0 : x * (in - 1) / (out - 1);
    if (mode == "asymmetric") return x / axis.scale;
    if (mode == "tf_half_pixel_for_nn") return (x + 0.5) / axis.scale;
    if (mode == "pytorch_half_pixel" && axis.out == 1) return 0;
    if (mode == "half_pixel_symmetric") {
        const double offset = in / 2 * (1 - static_cast<double>(axis.out) / out);
        return offset + (x + 0.5) / axis.scale - 0.5;
    }
    if (mode == "tf_crop_and_resize") {
        const double width = (axis.crop_end - axis.crop_start) * (in - 1);
        return axis.crop_start * (in - 1) + (out == 1 ? width / 2 : x * width / (out - 1));
    }
    return (x + 0.5) / axis.scale - 0.5;
}

double round_to_index(const std::string& mode, double x, bool shrinks) {
    if (mode == "simple") return shrinks ? std::ceil(x) : std::floor(x);
    if (mode == "floor") return std::floor(x);
    if (mode == "ceil") return std::ceil(x);
    return mode == "round_prefer_ceil" ? std::floor(x + 0.5) : std::ceil(x - 0.5);
}

// Keys' cubic convolution kernel ("Cubic convolution interpolation", 1981), or the triangle.
double kernel_at(const ResizeStyle& style, double distance) {
    const double x = std::abs(distance);
    if (style.mode == "linear") return std::max(0.0, 1 - x);
    const double a = style.cubic_a;
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

Taps filtered(const ResizeStyle& style, const ResizeAxis& axis, double x) {
    const double radius = style.mode == "linear" ? 1 : 2;
    // With antialiasing the filter widens as the image shrinks: at most two lengths of the axis,
    // because an output of at least one element needs scale * in >= 1.
    const double stretch = style.antialias ? std::min(axis.scale, 1.0) : 1;
    const auto base = static_cast<std::int64_t>(std::floor(x));
    const auto first = static_cast<std::int64_t>(std::floor(-radius / stretch)) + 1;
    const double ratio = x - static_cast<double>(base);
    Taps taps;
    double sum = 0;
    for (std::int64_t i = first; i < 2 - first; ++i) {
        const std::int64_t at = base + i;
        const bool outside = at < 0 || at >= axis.in;
        if (outside && style.exclude_outside) continue;
        const double weight = kernel_at(style, (static_cast<double>(i) - ratio) * stretch);
        taps.emplace_back(std::clamp<std::int64_t>(at, 0, axis.in - 1), weight);
        sum += weight;
    }
    const bool normalises = style.antialias || style.exclude_outside;
    for (auto& [at, weight] : taps) weight /= normalises && sum != 0 ? sum : 1;
    return taps;
}

template <std::size_t N>
Status check_word(std::string_view what, const std::string& word,
                  const std::array<std::string_view, N>& known) {
    if (std::find(known.begin(), known.end(), word) != known.end()) return {};
    return unimplemented("{} '{}'", what, word);
}

}  // namespace

Status check_style(const ResizeStyle& style) {
    constexpr std::array<std::string_view, 3> kModes{"nearest", "linear", "cubic"};
    constexpr std::array<std::string_view, 7> kCoordinates{
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
    constexpr std::array<std::string_view, 5> kRoundings{"round_prefer_floor", "round_prefer_ceil",
                                                         "floor", "ceil", "simple"};
    HF_TRY(check_word("mode", style.mode, kModes));
    HF_TRY(check_word("coordinate_transformation_mode", style.coordinates, kCoordinates));
    return check_word("nearest_mode", style.rounding, kRoundings);
}

std::vector<Taps> taps_of(const ResizeStyle& style, const ResizeAxis& axis) {
    std::vector<Taps> all(static_cast<std::size_t>(axis.out));
    const double last = static_cast<double>(axis.in - 1);
    for (std::size_t i = 0; i < all.size(); ++i) {
        double x = source_of(style.coordinates, axis, static_cast<double>(i));
        const bool crops = style.coordinates == "tf_crop_and_resize";
        if (crops && !(x >= 0 && x <= last)) continue;
        // What lies far outside is the edge all the same, and stays within the integers.
        x = std::clamp(std::isnan(x) ? 0 : x, -4.0, last + 4.0);
        if (style.mode == "nearest") {
            const double index = round_to_index(style.rounding, x, axis.scale < 1);
            all[i] = {{static_cast<std::int64_t>(std::clamp(index, 0.0, last)), 1.0}};
        } else {
            all[i] = filtered(style, axis, x);
        }
    }
    return all;
}

}  // namespace hf::runtime::ref
