// The integer arithmetic of quantised networks, as TensorFlow Lite defines it: a real factor is a
// 31-bit multiplier and a power of two, and a product is rounded twice, once at each ("gemmlowp:
// doc/quantization.md"; Jacob et al., "Quantization and Training of Neural Networks for Efficient
// Integer-Arithmetic-Only Inference", 2018). One definition for every device, so that all of them
// give the same bits.
//
// Pure functions of their arguments; nothing fails and nothing overflows: what leaves 32 bits
// saturates.

#pragma once

#include <cstdint>

namespace hf::kernels {

// real = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0.
struct FixedFactor {
    std::int32_t multiplier = 0;
    int shift = 0;
};

// The nearest factor; 0 below 2^-32, the largest one from 2^30 on. REQUIRES: real is finite and not
// negative.
FixedFactor fixed_factor(double real);

// round(a * b / 2^31), halves up; saturates for a = b = -2^31.
std::int32_t high_product(std::int32_t a, std::int32_t b);

// round(x / 2^exponent), halves away from zero. REQUIRES: exponent in [0, 31].
std::int32_t rounding_shift(std::int32_t x, int exponent);

// x * factor, rounded first to the high product and then at the right shift. A left shift comes
// before both and saturates.
std::int32_t scale_by(std::int32_t x, const FixedFactor& factor);

// round(x * factor), rounded once, halves up; saturates. TensorFlow Lite's reference
// FULLY_CONNECTED rounds in this way, every other operator in the way of scale_by.
std::int32_t scale_once(std::int32_t x, const FixedFactor& factor);

}  // namespace hf::kernels
