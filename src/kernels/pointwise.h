// Elementwise arithmetic, comparison, choice and conversion for element types without a vector
// kernel: integers and bools, and fp32 where the result is a bool.
//
// No allocation, no failure: callers have checked every size and type. Thread-safe.

#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "tensor/dtype.h"

namespace hf::kernels {

// How an operand walks over outer x inner elements of the result: steps of one or, repeating, none.
struct WalkSteps {
    std::size_t outer = 0, inner = 1;
};

// Values are stable: they are written into plan files. The result has the operands' type up to
// kXor, and is a bool from kEqual on. Integers wrap; bools know only kAnd, kOr, kXor and kEqual.
enum class Pointwise : std::uint8_t {
    kAdd = 0,
    kSubtract = 1,
    kMultiply = 2,
    kMax = 3,
    kMin = 4,
    kAnd = 5,
    kOr = 6,
    kXor = 7,
    kEqual = 8,
    kLess = 9,
    kGreater = 10,
    kLessEqual = 11,
    kGreaterEqual = 12
};
inline constexpr int kPointwiseCount = 13;

// Whether `pointwise` takes operands of this type.
bool has_pointwise(Pointwise function, DType dtype);

struct PointwiseRows {
    Pointwise function = Pointwise::kAdd;
    DType dtype = DType::kI64;  // of the operands
    std::size_t outer = 0, inner = 0;
    WalkSteps a, b;
};
void pointwise(const PointwiseRows& rows, const void* a, const void* b, void* out);

// out = condition ? a : b, elements of `size` bytes: 1, 2, 4 or 8.
struct SelectRows {
    std::size_t size = 4, outer = 0, inner = 0;
    WalkSteps condition, a, b;
};
struct SelectInputs {
    const std::uint8_t* condition = nullptr;
    const void* a = nullptr;
    const void* b = nullptr;
};
void select(const SelectRows& rows, const SelectInputs& in, void* out);

// What Cast makes of one element. Out of range is undefined in C++ and in ONNX: reals go through
// the widest integer, like NumPy.
template <typename To, typename From>
To convert_element(From value, bool to_bool) {
    if (to_bool) return static_cast<To>(value != From{});
    if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
        if (!(std::abs(value) < 9.2e18))
            return std::is_signed_v<To> ? std::numeric_limits<To>::min() : To{};
        return static_cast<To>(static_cast<std::int64_t>(value));
    } else {
        return static_cast<To>(value);
    }
}

// f32, f64, i8, i32, i64, u8 and bool.
bool has_conversion(DType dtype);

struct Conversion {
    DType from = DType::kF32, to = DType::kF32;
    std::size_t count = 0;
};
void convert(const Conversion& conversion, const void* in, void* out);

}  // namespace hf::kernels
