// fp32 normalisation of each value by the squares of its neighbouring channels: LRN.
//
// No allocation, no failure: callers have checked every size. `out` may not be `in`. Thread-safe.

#pragma once

#include <cstddef>

namespace hf::kernels {

// out = x / (bias + scale * (sum of squares over channels c - before .. c + after)) ^ beta, over
// [outer][channels][inner]. REQUIRES: bias > 0, scale >= 0.
struct LrnF32 {
    std::size_t outer = 0, channels = 0, inner = 0;
    std::size_t before = 0, after = 0;
    float scale = 0, beta = 0.75f, bias = 1;
};
void lrn_f32(const LrnF32& lrn, const float* in, float* out);

}  // namespace hf::kernels
