#include "kernels/score_transform.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace hf::kernels {
namespace {

double logistic(double x) {
    return 1 / (1 + std::exp(-x));
}

// The quantile function of the normal distribution times the square root of two, by Winitzki's
// approximation of the inverse error function (2008), as exporters assume it.
double probit(double x) {
    const double y = 2 * x - 1;
    const double log = std::log((1 - y) * (1 + y));
    const double a = 2 / (3.14159 * 0.147) + log / 2;
    const double root = std::sqrt(std::sqrt(a * a - log / 0.147) - a);
    return 1.41421356 * (y < 0 ? -root : root);
}

void softmax(std::span<double> scores, bool keep_zeros) {
    double largest = -INFINITY, sum = 0;
    for (double score : scores) largest = std::max(largest, score);
    for (double& score : scores) {
        const bool zero = keep_zeros && std::abs(score) < 1e-7;
        score = zero ? 0 : std::exp(score - largest);
        sum += score;
    }
    for (double& score : scores) score = sum == 0 ? 0 : score / sum;
}

}  // namespace

std::optional<ScoreTransform> score_transform_of(std::string_view name) {
    constexpr std::pair<std::string_view, ScoreTransform> kNames[] = {
        {"NONE", ScoreTransform::kNone},
        {"SOFTMAX", ScoreTransform::kSoftmax},
        {"LOGISTIC", ScoreTransform::kLogistic},
        {"SOFTMAX_ZERO", ScoreTransform::kSoftmaxZero},
        {"PROBIT", ScoreTransform::kProbit}};
    for (const auto& [known, transform] : kNames) {
        if (name == known) return transform;
    }
    return std::nullopt;
}

void transform_scores(ScoreTransform transform, std::span<double> scores) {
    switch (transform) {
        case ScoreTransform::kNone: return;
        case ScoreTransform::kSoftmax: return softmax(scores, false);
        case ScoreTransform::kSoftmaxZero: return softmax(scores, true);
        case ScoreTransform::kLogistic:
            for (double& score : scores) score = logistic(score);
            return;
        case ScoreTransform::kProbit:
            for (double& score : scores) score = probit(score);
            return;
    }
}

}  // namespace hf::kernels
