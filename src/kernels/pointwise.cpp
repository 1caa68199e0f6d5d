#include "kernels/pointwise.h"

namespace hf::kernels {
namespace {

template <typename T>
using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;

template <Pointwise kFunction, typename T>
inline auto combine(T x, T y) {
    if constexpr (kFunction == Pointwise::kAdd) return static_cast<T>(Wide<T>(x) + Wide<T>(y));
    if constexpr (kFunction == Pointwise::kSubtract) return static_cast<T>(Wide<T>(x) - Wide<T>(y));
    if constexpr (kFunction == Pointwise::kMultiply) return static_cast<T>(Wide<T>(x) * Wide<T>(y));
    if constexpr (kFunction == Pointwise::kMax) return x < y ? y : x;
    if constexpr (kFunction == Pointwise::kMin) return y < x ? y : x;
    if constexpr (kFunction == Pointwise::kEqual) return static_cast<std::uint8_t>(x == y);
    if constexpr (kFunction == Pointwise::kLess) return static_cast<std::uint8_t>(x < y);
    if constexpr (kFunction == Pointwise::kGreater) return static_cast<std::uint8_t>(x > y);
    if constexpr (kFunction == Pointwise::kLessEqual) return static_cast<std::uint8_t>(x <= y);
    if constexpr (kFunction == Pointwise::kGreaterEqual) return static_cast<std::uint8_t>(x >= y);
    if constexpr (std::is_integral_v<T>) {
        if constexpr (kFunction == Pointwise::kAnd) return static_cast<T>(x & y);
        if constexpr (kFunction == Pointwise::kOr) return static_cast<T>(x | y);
        if constexpr (kFunction == Pointwise::kXor) return static_cast<T>(x ^ y);
    }
}

template <Pointwise kFunction, typename T>
void rows(const PointwiseRows& s, const void* a, const void* b, void* out) {
    using Out = decltype(combine<kFunction, T>(T{}, T{}));
    if constexpr (!std::is_void_v<Out>) {
        const T* left = static_cast<const T*>(a);
        const T* right = static_cast<const T*>(b);
        Out* to = static_cast<Out*>(out);
        for (std::size_t o = 0; o < s.outer; ++o, to += s.inner) {
            for (std::size_t i = 0; i < s.inner; ++i) {
                to[i] = combine<kFunction, T>(left[i * s.a.inner], right[i * s.b.inner]);
            }
            left += s.a.outer;
            right += s.b.outer;
        }
    }
}

template <typename T>
void by_function(const PointwiseRows& s, const void* a, const void* b, void* out) {
    switch (s.function) {
        case Pointwise::kAdd: return rows<Pointwise::kAdd, T>(s, a, b, out);
        case Pointwise::kSubtract: return rows<Pointwise::kSubtract, T>(s, a, b, out);
        case Pointwise::kMultiply: return rows<Pointwise::kMultiply, T>(s, a, b, out);
        case Pointwise::kMax: return rows<Pointwise::kMax, T>(s, a, b, out);
        case Pointwise::kMin: return rows<Pointwise::kMin, T>(s, a, b, out);
        case Pointwise::kAnd: return rows<Pointwise::kAnd, T>(s, a, b, out);
        case Pointwise::kOr: return rows<Pointwise::kOr, T>(s, a, b, out);
        case Pointwise::kXor: return rows<Pointwise::kXor, T>(s, a, b, out);
        case Pointwise::kEqual: return rows<Pointwise::kEqual, T>(s, a, b, out);
        case Pointwise::kLess: return rows<Pointwise::kLess, T>(s, a, b, out);
        case Pointwise::kGreater: return rows<Pointwise::kGreater, T>(s, a, b, out);
        case Pointwise::kLessEqual: return rows<Pointwise::kLessEqual, T>(s, a, b, out);
        case Pointwise::kGreaterEqual: return rows<Pointwise::kGreaterEqual, T>(s, a, b, out);
    }
}

template <typename T>
void select_as(const SelectRows& s, const SelectInputs& in, void* out) {
    const std::uint8_t* condition = in.condition;
    const T* a = static_cast<const T*>(in.a);
    const T* b = static_cast<const T*>(in.b);
    T* to = static_cast<T*>(out);
    for (std::size_t o = 0; o < s.outer; ++o, to += s.inner) {
        for (std::size_t i = 0; i < s.inner; ++i) {
            const T yes = a[i * s.a.inner], no = b[i * s.b.inner];
            to[i] = condition[i * s.condition.inner] ? yes : no;
        }
        condition += s.condition.outer;
        a += s.a.outer;
        b += s.b.outer;
    }
}

template <typename From, typename To>
void convert_as(const Conversion& s, const void* in, void* out) {
    const From* from = static_cast<const From*>(in);
    To* to = static_cast<To*>(out);
    const bool to_bool = s.to == DType::kBool;
    for (std::size_t i = 0; i < s.count; ++i) to[i] = convert_element<To>(from[i], to_bool);
}

template <typename From>
void convert_from(const Conversion& s, const void* in, void* out) {
    switch (s.to) {
        case DType::kF32: return convert_as<From, float>(s, in, out);
        case DType::kF64: return convert_as<From, double>(s, in, out);
        case DType::kI8: return convert_as<From, std::int8_t>(s, in, out);
        case DType::kI32: return convert_as<From, std::int32_t>(s, in, out);
        case DType::kI64: return convert_as<From, std::int64_t>(s, in, out);
        default: return convert_as<From, std::uint8_t>(s, in, out);
    }
}

}  // namespace

bool has_pointwise(Pointwise function, DType dtype) {
    const bool logic = function >= Pointwise::kAnd && function <= Pointwise::kXor;
    switch (dtype) {
        case DType::kBool: return logic || function == Pointwise::kEqual;
        case DType::kI32:
        case DType::kI64:
        case DType::kU8: return true;
        case DType::kF32: return function >= Pointwise::kEqual;
        default: return false;
    }
}

void pointwise(const PointwiseRows& s, const void* a, const void* b, void* out) {
    switch (s.dtype) {
        case DType::kF32: return by_function<float>(s, a, b, out);
        case DType::kI32: return by_function<std::int32_t>(s, a, b, out);
        case DType::kI64: return by_function<std::int64_t>(s, a, b, out);
        default: return by_function<std::uint8_t>(s, a, b, out);
    }
}

void select(const SelectRows& s, const SelectInputs& in, void* out) {
    switch (s.size) {
        case 1: return select_as<std::uint8_t>(s, in, out);
        case 2: return select_as<std::uint16_t>(s, in, out);
        case 4: return select_as<std::uint32_t>(s, in, out);
        default: return select_as<std::uint64_t>(s, in, out);
    }
}

bool has_conversion(DType dtype) {
    switch (dtype) {
        case DType::kF32:
        case DType::kF64:
        case DType::kI8:
        case DType::kI32:
        case DType::kI64:
        case DType::kU8:
        case DType::kBool: return true;
        default: return false;
    }
}

void convert(const Conversion& s, const void* in, void* out) {
    switch (s.from) {
        case DType::kF32: return convert_from<float>(s, in, out);
        case DType::kF64: return convert_from<double>(s, in, out);
        case DType::kI8: return convert_from<std::int8_t>(s, in, out);
        case DType::kI32: return convert_from<std::int32_t>(s, in, out);
        case DType::kI64: return convert_from<std::int64_t>(s, in, out);
        default: return convert_from<std::uint8_t>(s, in, out);
    }
}

}  // namespace hf::kernels
