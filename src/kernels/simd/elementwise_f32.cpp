#include "kernels/simd/elementwise_f32.h"

#include <cmath>
#include <limits>

#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/elementwise_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

// Highway's Exp knows neither large arguments nor NaN.
HWY_INLINE V exponential(V x) {
    const D d;
    const V top = hn::Set(d, 88.72283f);
    const V infinite = hn::Set(d, std::numeric_limits<float>::infinity());
    const V y = hn::IfThenElse(hn::Gt(x, top), infinite, hn::Exp(d, hn::Min(x, top)));
    return hn::IfThenElse(hn::IsNaN(x), x, y);
}

template <std::size_t kCount>
HWY_INLINE V polynomial(V x, const float (&coefficients)[kCount]) {
    const D d;
    V sum = hn::Set(d, coefficients[0]);
    HWY_UNROLL(8) for (std::size_t i = 1; i < kCount; ++i) {
        sum = hn::MulAdd(sum, x, hn::Set(d, coefficients[i]));
    }
    return sum;
}

// x * P(x^2) / Q(x^2), minimax on [-4, 4], beyond which erf is 1 in fp32; the coefficients are
// those of Eigen's and XLA's erf. NaN stays.
HWY_INLINE V error_function(V x) {
    constexpr float kP[] = {-2.72614225801306e-10f, 2.77068142495902e-08f,  -2.10102402082508e-06f,
                            -5.69250639462346e-05f, -7.34990630326855e-04f, -2.95459980854025e-03f,
                            -1.60960333262415e-02f};
    constexpr float kQ[] = {-1.45660718464996e-05f, -2.13374055278905e-04f, -1.68282697438203e-03f,
                            -7.37332916720468e-03f, -1.42647390514189e-02f};
    const D d;
    const V inside = clamp(x, hn::Set(d, -4.0f), hn::Set(d, 4.0f));
    const V square = hn::Mul(inside, inside);
    const V value = hn::Div(hn::Mul(inside, polynomial(square, kP)), polynomial(square, kQ));
    return clamp(value, hn::Set(d, -1.0f), hn::Set(d, 1.0f));
}

template <Unary kFunction>
HWY_INLINE V apply(V x, V low, V high) {
    const D d;
    const V one = hn::Set(d, 1.0f), zero = hn::Zero(d);
    if constexpr (kFunction == Unary::kClamp) return clamp(x, low, high);
    if constexpr (kFunction == Unary::kSigmoid) {
        return hn::Div(one, hn::Add(one, exponential(hn::Neg(x))));
    }
    if constexpr (kFunction == Unary::kTanh) return hn::IfThenElse(hn::IsNaN(x), x, hn::Tanh(d, x));
    if constexpr (kFunction == Unary::kExp) return exponential(x);
    if constexpr (kFunction == Unary::kSqrt) return hn::Sqrt(x);
    if constexpr (kFunction == Unary::kAbs) return hn::Abs(x);
    if constexpr (kFunction == Unary::kNegate) return hn::Neg(x);
    if constexpr (kFunction == Unary::kReciprocal) return hn::Div(one, x);
    if constexpr (kFunction == Unary::kLeakyRelu) {
        return hn::IfThenElse(hn::Lt(x, zero), hn::Mul(x, low), x);
    }
    if constexpr (kFunction == Unary::kHardSigmoid) {
        return clamp(hn::Add(hn::Mul(x, low), high), zero, one);
    }
    if constexpr (kFunction == Unary::kHardSwish) {
        const V gate = hn::Add(hn::Mul(x, hn::Set(d, 1.0f / 6)), hn::Set(d, 0.5f));
        return hn::Mul(x, clamp(gate, zero, one));
    }
    if constexpr (kFunction == Unary::kErf) return error_function(x);
    if constexpr (kFunction == Unary::kGelu) {
        const V half = hn::Mul(x, hn::Set(d, 0.5f));
        return hn::MulAdd(half, error_function(hn::Mul(x, hn::Set(d, 0.70710678f))), half);
    }
    return x;
}

template <Unary kFunction>
void each(const UnaryF32& unary, const float* in, float* out) {
    const D d;
    const V low = hn::Set(d, unary.low), high = hn::Set(d, unary.high);
    std::size_t i = 0;
    for (; i + kLanes <= unary.count; i += kLanes) {
        hn::StoreU(apply<kFunction>(hn::LoadU(d, in + i), low, high), d, out + i);
    }
    if (i == unary.count) return;
    float lanes[kLanes] = {};
    for (std::size_t j = i; j < unary.count; ++j) lanes[j - i] = in[j];
    hn::StoreU(apply<kFunction>(hn::LoadU(d, lanes), low, high), d, lanes);
    for (std::size_t j = i; j < unary.count; ++j) out[j] = lanes[j - i];
}

void unary(const UnaryF32& unary, const float* in, float* out) {
    switch (unary.function) {
        case Unary::kClamp: return each<Unary::kClamp>(unary, in, out);
        case Unary::kSigmoid: return each<Unary::kSigmoid>(unary, in, out);
        case Unary::kTanh: return each<Unary::kTanh>(unary, in, out);
        case Unary::kExp: return each<Unary::kExp>(unary, in, out);
        case Unary::kSqrt: return each<Unary::kSqrt>(unary, in, out);
        case Unary::kAbs: return each<Unary::kAbs>(unary, in, out);
        case Unary::kNegate: return each<Unary::kNegate>(unary, in, out);
        case Unary::kReciprocal: return each<Unary::kReciprocal>(unary, in, out);
        case Unary::kLeakyRelu: return each<Unary::kLeakyRelu>(unary, in, out);
        case Unary::kHardSigmoid: return each<Unary::kHardSigmoid>(unary, in, out);
        case Unary::kHardSwish: return each<Unary::kHardSwish>(unary, in, out);
        case Unary::kErf: return each<Unary::kErf>(unary, in, out);
        case Unary::kGelu: return each<Unary::kGelu>(unary, in, out);
        case Unary::kLog:
            for (std::size_t i = 0; i < unary.count; ++i) out[i] = std::log(in[i]);
            return;
        case Unary::kPower:
            for (std::size_t i = 0; i < unary.count; ++i) out[i] = std::pow(in[i], unary.low);
            return;
    }
}

template <Binary kFunction>
HWY_INLINE V combine(V a, V b) {
    if constexpr (kFunction == Binary::kAdd) return hn::Add(a, b);
    if constexpr (kFunction == Binary::kSubtract) return hn::Sub(a, b);
    if constexpr (kFunction == Binary::kMultiply) return hn::Mul(a, b);
    if constexpr (kFunction == Binary::kDivide) return hn::Div(a, b);
    if constexpr (kFunction == Binary::kPRelu) {
        return hn::IfThenElse(hn::Lt(a, hn::Zero(D())), hn::Mul(a, b), a);
    }
    // x86's instruction gives its second operand where either is NaN.
    const V value = kFunction == Binary::kMax ? hn::Max(a, b) : hn::Min(a, b);
    return hn::IfThenElse(hn::IsNaN(a), a, value);
}

template <Binary kFunction>
void row(const BinaryF32& s, const float* a, const float* b, float* out) {
    const D d;
    const V low = hn::Set(d, s.low), high = hn::Set(d, s.high);
    std::size_t i = 0;
    for (; i + kLanes <= s.inner; i += kLanes) {
        const V left = s.a_inner ? hn::LoadU(d, a + i) : hn::Set(d, a[0]);
        const V right = s.b_inner ? hn::LoadU(d, b + i) : hn::Set(d, b[0]);
        hn::StoreU(clamp(combine<kFunction>(left, right), low, high), d, out + i);
    }
    if (i == s.inner) return;
    float left[kLanes] = {}, right[kLanes] = {};
    for (std::size_t j = i; j < s.inner; ++j) {
        left[j - i] = a[j * s.a_inner];
        right[j - i] = b[j * s.b_inner];
    }
    const V value = combine<kFunction>(hn::LoadU(d, left), hn::LoadU(d, right));
    hn::StoreU(clamp(value, low, high), d, left);
    for (std::size_t j = i; j < s.inner; ++j) out[j] = left[j - i];
}

template <Binary kFunction>
void rows(const BinaryF32& s, const float* a, const float* b, float* out) {
    for (std::size_t o = 0; o < s.outer; ++o) {
        row<kFunction>(s, a + o * s.a_outer, b + o * s.b_outer, out + o * s.inner);
    }
}

void binary(const BinaryF32& s, const float* a, const float* b, float* out) {
    switch (s.function) {
        case Binary::kAdd: return rows<Binary::kAdd>(s, a, b, out);
        case Binary::kSubtract: return rows<Binary::kSubtract>(s, a, b, out);
        case Binary::kMultiply: return rows<Binary::kMultiply>(s, a, b, out);
        case Binary::kDivide: return rows<Binary::kDivide>(s, a, b, out);
        case Binary::kMax: return rows<Binary::kMax>(s, a, b, out);
        case Binary::kMin: return rows<Binary::kMin>(s, a, b, out);
        case Binary::kPRelu: return rows<Binary::kPRelu>(s, a, b, out);
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(unary);
HWY_EXPORT(binary);

void unary_f32(const UnaryF32& unary, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(unary)(unary, in, out);
}

void binary_f32(const BinaryF32& binary, const float* a, const float* b, float* out) {
    HWY_DYNAMIC_DISPATCH(binary)(binary, a, b, out);
}

}  // namespace hf::kernels
#endif
