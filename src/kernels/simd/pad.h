// Borders around images in NHWC, so that convolution kernels need no edge cases: the image is
// copied into scratch with its padding there, a strip of rows at a time, and with channels rounded
// up where a kernel wants whole vectors. int8 values become what the machine multiplies: unsigned
// bytes where the processor has a dot product of bytes, elsewhere 16-bit differences to the zero
// point.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/targets.h"

namespace hf::kernels {

// One image; all counts are elements.
struct Padding {
    std::size_t height = 0, width = 0, channels = 0;
    std::size_t top = 0, left = 0, bottom = 0, right = 0;
    std::size_t padded_channels = 0;  // at least `channels`; the rest is zero

    std::size_t padded_height() const { return top + height + bottom; }
    std::size_t padded_width() const { return left + width + right; }
    std::size_t padded_row() const { return padded_width() * padded_channels; }  // elements
    std::size_t padded_size() const { return padded_height() * padded_row(); }
    bool is_none() const { return top + left + bottom + right == 0 && padded_channels == channels; }
};

// Rows [first, first + count) of the padded image.
struct PaddedRows {
    std::size_t first = 0, count = 0;
};

// int8 values and what stands for zero among them.
struct StoredI8 {
    const std::int8_t* data = nullptr;
    std::int32_t zero_point = 0;
};

// `in` is the whole image. REQUIRES: count * padded_row() elements at `out`, which does not overlap
// `in`; the rows are those of the padded image.
void pad_f32(const Padding& padding, const PaddedRows& rows, const float* in, float* out);

// For gemm_i8 and depthwise_i8: elements at `out` take two bytes at most; bytes lie there without
// rounding up the channels.
void pad_left_i8(const Padding& padding, const PaddedRows& rows, const StoredI8& in, void* out);

// The same without borders: count elements.
void widen_left_i8(std::size_t count, const StoredI8& in, void* out);

}  // namespace hf::kernels
