// The fit of the Mahalanobis part: classes' means and one covariance of all, whitened.
//
// Pure.

#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "serve/guard/guard.h"

namespace hf::serve::guard {

// How much of the covariance becomes a ball of the same trace: features that do not vary, as units
// that never fire, else have no inverse.
inline constexpr double kShrinkage = 0.01;

// `features`: `width` numbers a sample; `classes`: of each sample, any numbers. Sets all that
// follows from them. INVALID_ARGUMENT: nothing varies.
Status fit_distances(const std::vector<float>& features, const std::vector<std::int64_t>& classes,
                     Mahalanobis& part);

}  // namespace hf::serve::guard
