// What the classifiers and regressors of ai.onnx.ml do with the scores of one sample at the end
// ("post_transform").
//
// No allocation, no failure. Thread-safe.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace hf::kernels {

// Values are stable: they are written into plan files.
enum class ScoreTransform : std::uint8_t {
    kNone = 0,
    kSoftmax = 1,
    kLogistic = 2,
    kSoftmaxZero = 3,
    kProbit = 4
};
inline constexpr int kScoreTransformCount = 5;

// By its name in the standard: "SOFTMAX_ZERO".
std::optional<ScoreTransform> score_transform_of(std::string_view name);

void transform_scores(ScoreTransform transform, std::span<double> scores);

}  // namespace hf::kernels
