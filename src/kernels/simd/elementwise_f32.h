// Elementwise fp32: functions of one value, and arithmetic of two arrays where either may be one
// value or a row that repeats. Exponentials come from Highway's math, within a few units in the
// last place of the C library's; erf is a rational function within 4e-7 of it.
//
// No allocation, no failure: callers have checked every size. `out` may be an input. Thread-safe.

#pragma once

#include <cstddef>

namespace hf::kernels {

// Values are stable: they are written into plan files.
enum class Unary : unsigned char {
    kClamp = 0,  // to [low, high]; relu is [0, inf]
    kSigmoid = 1,
    kTanh = 2,
    kExp = 3,
    kErf = 4,
    kSqrt = 5,
    kAbs = 6,
    kNegate = 7,
    kReciprocal = 8,
    kLeakyRelu = 9,     // low is the slope
    kHardSigmoid = 10,  // clamp(low * x + high, 0, 1)
    kHardSwish = 11,    // x * clamp(x / 6 + 1/2, 0, 1)
    kLog = 12,
    kGelu = 13,   // x * (1 + erf(x / sqrt(2))) / 2
    kPower = 14,  // x ^ low
};
inline constexpr int kUnaryCount = 15;

struct UnaryF32 {
    Unary function = Unary::kClamp;
    float low = 0, high = 0;
    std::size_t count = 0;
};

void unary_f32(const UnaryF32& unary, const float* in, float* out);

enum class Binary : unsigned char {
    kAdd = 0,
    kSubtract = 1,
    kMultiply = 2,
    kDivide = 3,
    kMax = 4,  // of NaN and anything: NaN; so is kMin
    kMin = 5,
    kPRelu = 6  // a < 0 ? a * b : a
};
inline constexpr int kBinaryCount = 7;

// out[o][i] = a[o * a_outer + i * a_inner] op b[o * b_outer + i * b_inner], clamped. Inner steps
// are 0 or 1. This covers equal shapes (outer 1), one value, a row for all rows, and one value a
// row.
struct BinaryF32 {
    Binary function = Binary::kAdd;
    std::size_t outer = 1, inner = 0;
    std::size_t a_outer = 0, a_inner = 1;
    std::size_t b_outer = 0, b_inner = 1;
    float low = 0, high = 0;
};

void binary_f32(const BinaryF32& binary, const float* a, const float* b, float* out);

}  // namespace hf::kernels
