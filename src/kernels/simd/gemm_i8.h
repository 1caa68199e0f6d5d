// Matrix product with packed weights, int8: 32-bit sums of (x - input zero point) * w plus bias,
// rescaled a column, moved to the output zero point, clamped and stored as int8. Rescaling is
// TensorFlow Lite's fixed-point arithmetic or ONNX's single precision, either to the bit.
//
// The left matrix arrives as the machine's multiply-add wants it (pad.h): unsigned bytes where the
// processor has a dot product of bytes, 16-bit differences to the zero point elsewhere. Weights are
// the same bytes for both. REQUIRES: kGroup - 1 readable elements after the left matrix's last.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/targets.h"
#include "kernels/simd/windows.h"

namespace hf::kernels {

// How 32-bit sums become int8. The arrays have a multiple of kPanel entries.
struct Requantize {
    const std::int32_t* multipliers = nullptr;
    const std::int32_t* left_shifts = nullptr;
    const std::int32_t* right_shifts = nullptr;
    std::int32_t zero_point = 0;
    std::int32_t min = -128, max = 127;
    bool rounds_once = false;  // as fixed_point.h's scale_once; else as its scale_by

    // Where given: sum * factor in single precision, halves to even, in place of the multipliers. A
    // product of 2^31 or more wraps.
    const float* factors = nullptr;
};

struct GemmI8 {
    Windows windows;
    std::size_t columns = 0;
    std::size_t out_step = 0;
    Requantize requantize;
    std::int32_t in_zero = 0;  // the left matrix's zero point
};

// Of the arrays, bias and weight_sums have a multiple of kPanel entries.
struct GemmI8Data {
    const void* in = nullptr;             // from widen_left_i8 or pad_left_i8
    const std::int8_t* packed = nullptr;  // from pack_i8
    const std::int32_t* bias = nullptr;
    const std::int32_t* weight_sums = nullptr;  // of each column
    std::int8_t* out = nullptr;
};

// Weights of a column lie together in groups of so many; a run is filled up with zeros.
inline constexpr std::size_t kGroup = 4;

std::size_t packed_size_i8(std::size_t columns, std::size_t segments, std::size_t run);

// REQUIRES: packed_size_i8 bytes at `packed`; windows.segments() and .run are the product's.
void pack_i8(const Weights<std::int8_t>& weights, const Windows& windows, std::int8_t* packed);

void gemm_i8(const GemmI8& gemm, const GemmI8Data& data);

}  // namespace hf::kernels
