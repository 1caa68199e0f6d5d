// Elementwise int8: addition of differently scaled arrays, by TensorFlow Lite's integer arithmetic
// or ONNX's single precision, either to the bit, means, and conversion from and to fp32.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/targets.h"

namespace hf::kernels {

// A fixed-point factor: value * multiplier / 2^31 * 2^left / 2^right.
struct Rescale {
    std::int32_t multiplier = 0;
    std::int32_t left = 0, right = 0;
};

// out = clamp(rescale_out(rescale_a((a - zero_a) << 20) + rescale_b((b - zero_b) << 20)) + zero).
struct AddI8 {
    std::size_t count = 0;
    std::int32_t zero_a = 0, zero_b = 0, zero_out = 0;
    Rescale a, b, out;
    std::int32_t min = -128, max = 127;
};
void add_i8(const AddI8& add, const std::int8_t* a, const std::int8_t* b, std::int8_t* out);

// out = clamp(round((a - zero_a) * factor_a + (b - zero_b) * factor_b) + zero_out) in single
// precision, halves to even, as ONNX's QLinear operators.
struct AddRealI8 {
    std::size_t count = 0;
    std::int32_t zero_a = 0, zero_b = 0, zero_out = 0;
    float factor_a = 1, factor_b = 1;
    std::int32_t min = -128, max = 127;
};
void add_real_i8(const AddRealI8& add, const std::int8_t* a, const std::int8_t* b,
                 std::int8_t* out);

// out[c] = clamp(round(factor * sum over pixels of (in[p][c] - zero_in)) + zero_out), likewise.
// REQUIRES: pixels below 2^22, so that no sum overflows.
struct MeanI8 {
    std::size_t pixels = 0, channels = 0;
    std::int32_t zero_in = 0, zero_out = 0;
    float factor = 1;
    std::int32_t min = -128, max = 127;
};
void mean_i8(const MeanI8& mean, const std::int8_t* in, std::int8_t* out);

// real = scale * (stored - zero).
struct AffineI8 {
    std::size_t count = 0;
    float scale = 1;
    std::int32_t zero_point = 0;
    bool half_to_even = false;  // as ONNX; else away from zero, as TensorFlow Lite
};
void quantize_i8(const AffineI8& affine, const float* in, std::int8_t* out);
void dequantize_i8(const AffineI8& affine, const std::int8_t* in, float* out);

// The exponentials come from a table by the distance to the row's largest value; sums and quotients
// are fp32 in order, as in TensorFlow Lite. REQUIRES: width > 0.
struct SoftmaxI8 {
    static constexpr std::size_t kTable = 256;
    std::size_t rows = 0, width = 0;
    const float* below_largest = nullptr;  // kTable of them
    float out_scale = 1;
    std::int32_t zero_out = 0;
};
void softmax_i8(const SoftmaxI8& softmax, const std::int8_t* in, std::int8_t* out);

}  // namespace hf::kernels
