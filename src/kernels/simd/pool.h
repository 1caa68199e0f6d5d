// Pooling of one image in NHWC: maximum, and average with or without the padding in the count. The
// int8 average rounds half away from zero and clamps, as TensorFlow Lite does.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/targets.h"

namespace hf::kernels {

struct Pool {
    std::size_t height = 0, width = 0, channels = 0;
    std::size_t out_height = 0, out_width = 0;
    std::size_t first_row = 0;  // of the output rows that are asked for, out_height of them
    std::size_t kernel_height = 0, kernel_width = 0;
    std::size_t stride_y = 1, stride_x = 1;
    std::size_t dilation_y = 1, dilation_x = 1;  // average pools have 1
    std::size_t top = 0, left = 0;
    bool count_padding = false;
    float low = 0, high = 0;  // the fused activation
};

// `in` is the whole image, `out` where the first row asked for goes.
void max_pool_f32(const Pool& pool, const float* in, float* out);
void average_pool_f32(const Pool& pool, const float* in, float* out);
void max_pool_i8(const Pool& pool, const std::int8_t* in, std::int8_t* out);
void average_pool_i8(const Pool& pool, const std::int8_t* in, std::int8_t* out);

}  // namespace hf::kernels
