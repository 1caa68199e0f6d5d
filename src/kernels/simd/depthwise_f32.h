// Depthwise convolution of one image in NHWC, fp32: each channel by its own taps, then a clamp.
//
// The image comes as it is; taps that fall outside it are left out. Rows are computed a few at a
// time where the caller wants them so, from input rows that need not all be there: that is how a
// strip of it feeds the next layer while it is still in the cache. Sums run over the taps in one
// fixed order, so results are the same bits however the rows are cut.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstddef>

#include "kernels/simd/targets.h"

namespace hf::kernels {

// [first, end).
struct TapRange {
    std::size_t first = 0, end = 0;
};

struct DepthwiseF32 {
    std::size_t in_height = 0, in_width = 0, channels = 0;
    std::size_t padded_channels = 0;  // of weights and bias: a multiple of kPanel
    std::size_t out_height = 0, out_width = 0;
    std::size_t kernel_height = 0, kernel_width = 0;
    std::size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    std::size_t top = 0, left = 0;  // the padding before the first row and column
    float min = 0, max = 0;

    // The taps of an output's row or column that fall inside the image.
    TapRange taps_y(std::size_t row) const;
    TapRange taps_x(std::size_t column) const;

    // The outputs of a row whose taps all do.
    TapRange whole_columns() const;

    // The input rows that output rows [row, row + count) read; empty where they are all padding.
    TapRange rows_for(std::size_t row, std::size_t count) const;
};

struct DepthwiseF32Data {
    const float* in = nullptr;  // starts with input row `in_first`
    std::size_t in_first = 0;
    const float* packed = nullptr;  // kernel_height x kernel_width x padded_channels
    const float* bias = nullptr;    // padded_channels
    float* out = nullptr;           // starts with the first row that is asked for
};

// Output rows [row, row + count). REQUIRES: the input rows of rows_for(row, count) at data.in.
void depthwise_f32(const DepthwiseF32& shape, const DepthwiseF32Data& data, std::size_t row,
                   std::size_t count);

}  // namespace hf::kernels
