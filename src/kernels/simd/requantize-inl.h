// TensorFlow Lite's fixed-point rescaling, vectorised, to the bit: MultiplyByQuantizedMultiplier
// with two roundings (a saturating rounding doubling high product, then a rounding shift that
// rounds ties away from zero). Included once a Highway target by the integer kernels.

// clang-format off
#if defined(HF_KERNELS_REQUANTIZE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_REQUANTIZE_INL
#undef HF_KERNELS_REQUANTIZE_INL
#else
#define HF_KERNELS_REQUANTIZE_INL
#endif
// clang-format on

#include <hwy/highway.h>

#include "kernels/simd/gemm_i8.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// value * multiplier / 2^31 * 2^left / 2^right. The multiplier is in [2^30, 2^31), or 0; shifts are
// 0 to 31. With what follows from them, once for many values.
template <class V>
struct Factor {
    V multiplier, left, right;
    V odd_multiplier;  // of the lanes before, for the odd ones
    V half;            // of 2^right; 0 for a shift of 0
    V shifts;          // all ones where there is a shift to the right

    HWY_INLINE Factor(V multiplier_in, V left_in, V right_in)
        : multiplier(multiplier_in),
          left(left_in),
          right(right_in),
          odd_multiplier(hn::Shuffle2301(multiplier_in)) {
        const hn::DFromV<V> d;
        half = hn::ShiftRight<1>(hn::Shl(hn::Set(d, 1), right));
        shifts = hn::VecFromMask(d, hn::Gt(right, hn::Zero(d)));
    }
};

template <class D, class V>
HWY_INLINE V multiply_quantized(D d, V value, const Factor<V>& factor) {
    const hn::RepartitionToWide<D> wide;
    const hn::RepartitionToWide<hn::RebindToUnsigned<D>> bits;
    const V x = hn::Shl(value, factor.left);
    const auto nudge = hn::Set(wide, std::int64_t{1} << 30);
    const auto even = hn::Add(hn::MulEven(x, factor.multiplier), nudge);
    const auto odd = hn::Add(hn::MulEven(hn::Shuffle2301(x), factor.odd_multiplier), nudge);
    const V high_even = hn::BitCast(d, hn::ShiftRight<31>(hn::BitCast(bits, even)));
    const V high_odd = hn::BitCast(d, hn::ShiftLeft<1>(hn::BitCast(bits, odd)));
    const V high = hn::OddEven(high_odd, high_even);
    // Halves go away from zero: up where positive, down where negative, but for a shift of 0.
    const V negative = hn::And(hn::ShiftRight<31>(high), factor.shifts);  // -1 or 0
    return hn::Shr(hn::Add(high, hn::Add(factor.half, negative)), factor.right);
}

// The same rounded once, halves up, as scale_once of kernels/fixed_point.h: what a fully connected
// layer does. The arithmetic shift of 64 bits is a logical one of the number raised by 2^63.
template <class D, class V>
HWY_INLINE V multiply_quantized_once(D d, V value, const Factor<V>& factor) {
    const hn::RepartitionToWide<hn::RebindToUnsigned<D>> bits;
    const V shift32 = hn::Add(hn::Set(d, 31), hn::Sub(factor.right, factor.left));  // 1 to 62
    const auto one = hn::Set(bits, std::uint64_t{1});
    const auto top = hn::Set(bits, std::uint64_t{1} << 63);
    const auto shifted = [&](auto product, auto shift) HWY_ATTR {
        const auto half = hn::Shl(one, hn::Sub(shift, one));
        const auto raised = hn::Xor(hn::Add(hn::BitCast(bits, product), half), top);
        return hn::Sub(hn::Shr(raised, shift), hn::Shr(top, shift));
    };
    const auto shifts = hn::BitCast(bits, shift32);
    const auto even = shifted(hn::MulEven(value, factor.multiplier),
                              hn::And(shifts, hn::Set(bits, std::uint64_t{0xFFFFFFFF})));
    const auto odd = shifted(hn::MulEven(hn::Shuffle2301(value), factor.odd_multiplier),
                             hn::ShiftRight<32>(shifts));
    return hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
}

// sum * factor in single precision, halves to even. Products of 2^31 and more wrap.
template <class D, class V, class VF>
HWY_INLINE V multiply_real(D d, V sum, VF factor) {
    static_cast<void>(d);
    return hn::NearestInt(hn::Mul(hn::ConvertTo(hn::RebindToFloat<D>(), sum), factor));
}

// The three ways of rescaling, for channels [at, at + lanes), without the zero point. What depends
// on the channels alone is read once for many sums.
template <class D>
struct RescaleTwice {
    using V = hn::VFromD<D>;
    Factor<V> factor;

    RescaleTwice(const Requantize& q, std::size_t at)
        : factor(hn::LoadU(D(), q.multipliers + at), hn::LoadU(D(), q.left_shifts + at),
                 hn::LoadU(D(), q.right_shifts + at)) {}
    HWY_INLINE V operator()(V sum) const { return multiply_quantized(D(), sum, factor); }
};

template <class D>
struct RescaleOnce {
    using V = hn::VFromD<D>;
    Factor<V> factor;

    RescaleOnce(const Requantize& q, std::size_t at) : factor(RescaleTwice<D>(q, at).factor) {}
    HWY_INLINE V operator()(V sum) const { return multiply_quantized_once(D(), sum, factor); }
};

template <class D>
struct RescaleReal {
    using V = hn::VFromD<D>;
    hn::VFromD<hn::RebindToFloat<D>> factor;

    RescaleReal(const Requantize& q, std::size_t at)
        : factor(hn::LoadU(hn::RebindToFloat<D>(), q.factors + at)) {}
    HWY_INLINE V operator()(V sum) const { return multiply_real(D(), sum, factor); }
};

// Two vectors of 32-bit sums become the bytes of 16 channels, moved to the zero point and clamped.
template <class V>
HWY_INLINE void store_16(const Requantize& q, V lower, V upper, std::int8_t* out) {
    const hn::Repartition<std::int16_t, hn::DFromV<V>> d16;
    const hn::Rebind<std::int8_t, decltype(d16)> d8;
    const auto set = [&](std::int32_t value)
                         HWY_ATTR { return hn::Set(d16, static_cast<std::int16_t>(value)); };
    auto value = hn::ReorderDemote2To(d16, lower, upper);
    value = hn::SaturatedAdd(value, set(q.zero_point));
    value = hn::Min(hn::Max(value, set(q.min)), set(q.max));
    auto bytes = hn::DemoteTo(d8, value);
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3
    // Joined by blocks of 128 bits: channels 0-3, 8-11, 4-7, 12-15.
    alignas(16) static constexpr std::int8_t kOrder[16] = {0, 1, 2, 3, 8,  9,  10, 11,
                                                           4, 5, 6, 7, 12, 13, 14, 15};
    bytes = hn::TableLookupBytes(bytes, hn::Load(d8, kOrder));
#endif
    hn::StoreU(bytes, d8, out);
}

// Sums of products of neighbouring pairs: lane i gets a[2i] * b[2i] + a[2i+1] * b[2i+1] + sum[i].
template <class D16, class V16, class V32>
HWY_INLINE V32 multiply_pairs(D16 d16, V16 a, V16 b, V32 sum) {
    const hn::RepartitionToWide<D16> d32;
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_SSE4
    (void)d16;
    V32 unused = hn::Zero(d32);
    return hn::ReorderWidenMulAccumulate(d32, a, b, sum, unused);
#else
    (void)d16;
    const V32 a32 = hn::BitCast(d32, a), b32 = hn::BitCast(d32, b);
    const V32 even = hn::Mul(hn::ShiftRight<16>(hn::ShiftLeft<16>(a32)),
                             hn::ShiftRight<16>(hn::ShiftLeft<16>(b32)));
    const V32 odd = hn::Mul(hn::ShiftRight<16>(a32), hn::ShiftRight<16>(b32));
    return hn::Add(sum, hn::Add(even, odd));
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#endif
