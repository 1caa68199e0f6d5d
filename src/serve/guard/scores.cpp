#include "serve/guard/scores.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <span>

namespace hf::serve::guard {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// A tensor as rows of as many numbers.
struct Rows {
    std::span<const float> values;
    std::size_t count = 0;
    std::size_t width = 0;

    std::span<const float> operator[](std::size_t row) const {
        return values.subspan(row * width, width);
    }
};

Rows rows_of(const Tensor& tensor) {
    if (tensor.is_null() || tensor.dtype() != DType::kF32) return {};
    const Shape& shape = tensor.shape();
    const std::span<const float> values = tensor.values<float>();
    const auto count = shape.rank() < 2 ? std::size_t{1} : static_cast<std::size_t>(shape[0]);
    if (count == 0 || values.empty()) return {};
    return {values, count, values.size() / count};
}

// The worse of two scores; NaN is the worst.
double worse(double a, double b) {
    return std::isnan(a) || std::isnan(b) ? kUnknown : std::max(a, b);
}

double log_sum_exp(std::span<const float> row, double temperature) {
    const double most = *std::max_element(row.begin(), row.end()) / temperature;
    double sum = 0;
    for (const float value : row) sum += std::exp(value / temperature - most);
    return most + std::log(sum);
}

std::vector<double> probabilities(std::span<const float> row, bool softmax) {
    std::vector<double> all(row.begin(), row.end());
    if (!softmax) return all;
    const double log_sum = log_sum_exp(row, 1);
    for (double& value : all) value = std::exp(value - log_sum);
    return all;
}

// Of one row, from the nearest centre.
double distance(const Mahalanobis& part, std::span<const float> row, std::vector<float>& whitened) {
    const std::size_t width = part.width;
    std::vector<float> centred(width);
    for (std::size_t i = 0; i < width; ++i) centred[i] = row[i] - part.mean[i];
    const float* weights = part.whitening.data();
    for (std::size_t i = 0; i < width; ++i) {
        float sum = 0;
        for (std::size_t j = 0; j <= i; ++j) sum += weights[j] * centred[j];
        whitened[i] = sum;
        weights += i + 1;
    }
    double least = std::numeric_limits<double>::infinity();
    for (std::size_t c = 0; c < part.classes; ++c) {
        const float* const centre = part.centres.data() + c * width;
        double sum = 0;
        for (std::size_t i = 0; i < width; ++i) {
            const double difference = whitened[i] - centre[i];
            sum += difference * difference;
        }
        if (std::isnan(sum)) return kUnknown;
        least = std::min(least, sum);
    }
    return least;
}

float quantized(float value, const Squeezer& squeezer) {
    const double steps = std::exp2(squeezer.bits) - 1;
    const double width = squeezer.most - squeezer.least;
    const double share = std::clamp((value - squeezer.least) / width, 0.0, 1.0);
    return static_cast<float>(squeezer.least + std::nearbyint(share * steps) / steps * width);
}

// One plane of an image: `step` elements from one pixel to the next.
struct Plane {
    const float* from;
    float* to;
    std::int64_t height;
    std::int64_t width;
    std::int64_t step;
};

// Comparisons need an order, which NaN has not.
constexpr float kNoNumber = std::numeric_limits<float>::infinity();

void median(const Plane& plane, int size) {
    std::array<float, 9> window{};
    const auto count = static_cast<std::size_t>(size * size);
    const auto middle = window.begin() + static_cast<std::ptrdiff_t>(count / 2);
    for (std::int64_t y = 0; y < plane.height; ++y) {
        for (std::int64_t x = 0; x < plane.width; ++x) {
            std::size_t filled = 0;
            for (std::int64_t i = -(size / 2); i < size - size / 2; ++i) {
                const std::int64_t row = std::clamp<std::int64_t>(y + i, 0, plane.height - 1);
                for (std::int64_t j = -(size / 2); j < size - size / 2; ++j) {
                    const std::int64_t column = std::clamp<std::int64_t>(x + j, 0, plane.width - 1);
                    const float value = plane.from[(row * plane.width + column) * plane.step];
                    window[filled++] = std::isnan(value) ? kNoNumber : value;
                }
            }
            std::nth_element(window.begin(), middle,
                             window.begin() + static_cast<std::ptrdiff_t>(count));
            plane.to[(y * plane.width + x) * plane.step] = *middle;
        }
    }
}

Tensor smoothed(const Tensor& images, const Squeezer& squeezer) {
    Tensor out(DType::kF32, images.shape());
    const Shape& shape = images.shape();
    const bool planar = squeezer.layout == Layout::kNchw;
    const std::int64_t channels = shape[planar ? 1 : 3];
    Plane plane{};
    plane.height = shape[planar ? 2 : 1];
    plane.width = shape[planar ? 3 : 2];
    plane.step = planar ? 1 : channels;
    const float* const from = images.values<float>().data();
    float* const to = out.mutable_values<float>().data();
    const std::int64_t pixels = plane.height * plane.width;
    for (std::int64_t image = 0; image < shape[0]; ++image) {
        for (std::int64_t channel = 0; channel < channels; ++channel) {
            const std::int64_t at = image * channels * pixels + channel * (planar ? pixels : 1);
            plane.from = from + at;
            plane.to = to + at;
            median(plane, squeezer.size);
        }
    }
    return out;
}

}  // namespace

double energy_of(const Tensor& logits, double temperature) {
    const Rows rows = rows_of(logits);
    double worst = rows.count == 0 ? kUnknown : -std::numeric_limits<double>::infinity();
    for (std::size_t row = 0; row < rows.count; ++row) {
        worst = worse(worst, -temperature * log_sum_exp(rows[row], temperature));
    }
    return worst;
}

Features features_of(const Tensor& layer, Reduce reduce) {
    const Rows rows = rows_of(layer);
    if (rows.count == 0) return {};
    if (reduce == Reduce::kFlatten || layer.shape().rank() < 3) {
        return {rows.width, {rows.values.begin(), rows.values.end()}};
    }
    const auto channels = static_cast<std::size_t>(layer.shape()[1]);
    const std::size_t places = rows.width / channels;
    Features features{channels, {}};
    for (std::size_t at = 0; at < rows.values.size(); at += places) {
        double sum = 0;
        for (const float value : rows.values.subspan(at, places)) sum += value;
        features.values.push_back(static_cast<float>(sum / static_cast<double>(places)));
    }
    return features;
}

double distance_of(const Mahalanobis& part, const Tensor& layer) {
    const Features features = features_of(layer, part.reduce);
    if (features.width != part.width || features.values.empty()) return kUnknown;
    std::vector<float> whitened(part.width);
    double worst = 0;
    for (std::size_t at = 0; at < features.values.size(); at += part.width) {
        const std::span<const float> row(features.values.data() + at, part.width);
        worst = worse(worst, distance(part, row, whitened));
    }
    return worst;
}

double disagreement_of(const Tensor& answer, const Tensor& other, bool softmax) {
    const Rows a = rows_of(answer);
    const Rows b = rows_of(other);
    if (a.count == 0 || a.count != b.count || a.width != b.width) return kUnknown;
    double worst = 0;
    for (std::size_t row = 0; row < a.count; ++row) {
        const std::vector<double> p = probabilities(a[row], softmax);
        const std::vector<double> q = probabilities(b[row], softmax);
        double sum = 0;
        for (std::size_t i = 0; i < p.size(); ++i) sum += std::abs(p[i] - q[i]);
        worst = worse(worst, sum);
    }
    return worst;
}

Tensor squeeze(const Tensor& images, const Squeezer& squeezer) {
    if (squeezer.kind == Squeezer::Kind::kMedian) return smoothed(images, squeezer);
    Tensor out(DType::kF32, images.shape());
    const std::span<const float> from = images.values<float>();
    const std::span<float> to = out.mutable_values<float>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = quantized(from[i], squeezer);
    return out;
}

}  // namespace hf::serve::guard
