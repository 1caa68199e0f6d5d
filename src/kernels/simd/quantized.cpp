#include "kernels/simd/quantized.h"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/quantized.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<std::int32_t, 8>;
using D8 = hn::Rebind<std::int8_t, D>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr int kAddShift = 20;  // TensorFlow Lite's headroom for int8 addition

HWY_INLINE V rescaled(V value, const Rescale& factor) {
    const D d;
    const Factor<V> lanes{hn::Set(d, factor.multiplier), hn::Set(d, factor.left),
                          hn::Set(d, factor.right)};
    return multiply_quantized(d, value, lanes);
}

HWY_INLINE V operand(const std::int8_t* in, std::int32_t zero, const Rescale& factor) {
    const D d;
    const V value = hn::Sub(hn::PromoteTo(d, hn::LoadU(D8(), in)), hn::Set(d, zero));
    return rescaled(hn::ShiftLeft<kAddShift>(value), factor);
}

HWY_INLINE void add_lanes(const AddI8& s, const std::int8_t* a, const std::int8_t* b,
                          std::int8_t* out) {
    const D d;
    const V sum = hn::Add(operand(a, s.zero_a, s.a), operand(b, s.zero_b, s.b));
    V value = hn::Add(rescaled(sum, s.out), hn::Set(d, s.zero_out));
    value = hn::Min(hn::Max(value, hn::Set(d, s.min)), hn::Set(d, s.max));
    hn::StoreU(hn::DemoteTo(D8(), value), D8(), out);
}

void add(const AddI8& s, const std::int8_t* a, const std::int8_t* b, std::int8_t* out) {
    std::size_t i = 0;
    for (; i + kLanes <= s.count; i += kLanes) add_lanes(s, a + i, b + i, out + i);
    if (i == s.count) return;
    std::int8_t left[kLanes] = {}, right[kLanes] = {};
    std::copy(a + i, a + s.count, left);
    std::copy(b + i, b + s.count, right);
    add_lanes(s, left, right, left);
    std::copy(left, left + (s.count - i), out + i);
}

using DF = hn::RebindToFloat<D>;
using VF = hn::VFromD<DF>;

template <typename In, typename Out>
struct Lanes {
    std::size_t count;
    const In *a, *b;
    Out* out;
};

// Calls f(from a, from b, to) for whole vectors of stored values, the last by way of a buffer.
template <typename In, typename Out, typename F>
HWY_INLINE void for_lanes(const Lanes<In, Out>& lanes, F f) {
    std::size_t i = 0;
    for (; i + kLanes <= lanes.count; i += kLanes) f(lanes.a + i, lanes.b + i, lanes.out + i);
    if (i == lanes.count) return;
    In left[kLanes] = {}, right[kLanes] = {};
    Out result[kLanes];
    std::copy(lanes.a + i, lanes.a + lanes.count, left);
    std::copy(lanes.b + i, lanes.b + lanes.count, right);
    f(left, right, result);
    std::copy(result, result + (lanes.count - i), lanes.out + i);
}

HWY_INLINE VF reals(const std::int8_t* in, std::int32_t zero) {
    const D d;
    return hn::ConvertTo(DF(), hn::Sub(hn::PromoteTo(d, hn::LoadU(D8(), in)), hn::Set(d, zero)));
}

// Cut off where no int8 can follow, before the conversion, which would wrap; NaN becomes the least.
HWY_INLINE V rounded(VF value) {
    const DF d;
    const VF far = hn::Set(d, 1024.0f);
    return hn::NearestInt(hn::Min(hn::Max(value, hn::Neg(far)), far));
}

struct Bounds {
    std::int32_t zero, min, max;
};
HWY_INLINE void store(V value, const Bounds& bounds, std::int8_t* out) {
    const D d;
    value = hn::Add(value, hn::Set(d, bounds.zero));
    value = hn::Min(hn::Max(value, hn::Set(d, bounds.min)), hn::Set(d, bounds.max));
    hn::StoreU(hn::DemoteTo(D8(), value), D8(), out);
}

void add_real(const AddRealI8& s, const std::int8_t* a, const std::int8_t* b, std::int8_t* out) {
    const VF factor_a = hn::Set(DF(), s.factor_a), factor_b = hn::Set(DF(), s.factor_b);
    const Bounds bounds{s.zero_out, s.min, s.max};
    for_lanes(Lanes<std::int8_t, std::int8_t>{s.count, a, b, out},
              [&](const auto* x, const auto* y, auto* to) HWY_ATTR {
                  const VF sum = hn::Add(hn::Mul(reals(x, s.zero_a), factor_a),
                                         hn::Mul(reals(y, s.zero_b), factor_b));
                  store(rounded(sum), bounds, to);
              });
}

void mean(const MeanI8& s, const std::int8_t* in, std::int8_t* out) {
    const D d;
    const VF factor = hn::Set(DF(), s.factor);
    const Bounds bounds{s.zero_out, s.min, s.max};
    for (std::size_t c = 0; c < s.channels; c += kLanes) {
        const std::size_t count = std::min(kLanes, s.channels - c);
        V sum = hn::Zero(d);
        for (std::size_t p = 0; p < s.pixels; ++p) {
            std::int8_t lanes[kLanes] = {};
            std::copy_n(in + p * s.channels + c, count, lanes);
            sum = hn::Add(sum, hn::PromoteTo(d, hn::LoadU(D8(), lanes)));
        }
        sum = hn::Sub(sum, hn::Set(d, static_cast<std::int32_t>(s.pixels) * s.zero_in));
        std::int8_t lanes[kLanes];
        store(rounded(hn::Mul(hn::ConvertTo(DF(), sum), factor)), bounds, lanes);
        std::copy_n(lanes, count, out + c);
    }
}

// Halves away from zero are halves up of the magnitude, with the sign put back.
void quantize(const AffineI8& s, const float* in, std::int8_t* out) {
    const DF d;
    const VF scale = hn::Set(d, s.scale), far = hn::Set(d, 1024.0f), half = hn::Set(d, 0.5f);
    const VF least = hn::Neg(far);
    for_lanes(Lanes<float, std::int8_t>{s.count, in, in, out}, [&](const float* x, const float*,
                                                                   std::int8_t* to) HWY_ATTR {
        const VF ratio = hn::Div(hn::LoadU(d, x), scale);
        // Comparisons in this order send NaN to the least.
        const VF value = hn::IfThenElse(hn::Gt(ratio, least), hn::Min(ratio, far), least);
        if (s.half_to_even) return store(hn::NearestInt(value), {s.zero_point, -128, 127}, to);
        const VF whole = hn::Trunc(value);
        const VF rest = hn::Abs(hn::Sub(value, whole));
        const VF up = hn::IfThenElseZero(hn::Ge(rest, half), hn::CopySign(hn::Set(d, 1.0f), value));
        store(hn::ConvertTo(D(), hn::Add(whole, up)), {s.zero_point, -128, 127}, to);
    });
}

void dequantize(const AffineI8& s, const std::int8_t* in, float* out) {
    const VF scale = hn::Set(DF(), s.scale);
    for_lanes(Lanes<std::int8_t, float>{s.count, in, in, out},
              [&](const std::int8_t* x, const std::int8_t*, float* to)
                  HWY_ATTR { hn::StoreU(hn::Mul(scale, reals(x, s.zero_point)), DF(), to); });
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {
namespace {

// A NaN becomes the lowest value.
std::int8_t saturated(float value) {
    return static_cast<std::int8_t>(value > -128.0f ? std::min(value, 127.0f) : -128.0f);
}

}  // namespace

HWY_EXPORT(add);
HWY_EXPORT(add_real);
HWY_EXPORT(mean);
HWY_EXPORT(quantize);
HWY_EXPORT(dequantize);

void add_i8(const AddI8& s, const std::int8_t* a, const std::int8_t* b, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(add)(s, a, b, out);
}

void add_real_i8(const AddRealI8& s, const std::int8_t* a, const std::int8_t* b, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(add_real)(s, a, b, out);
}

void mean_i8(const MeanI8& s, const std::int8_t* in, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(mean)(s, in, out);
}

void quantize_i8(const AffineI8& affine, const float* in, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(quantize)(affine, in, out);
}

void dequantize_i8(const AffineI8& affine, const std::int8_t* in, float* out) {
    HWY_DYNAMIC_DISPATCH(dequantize)(affine, in, out);
}

void softmax_i8(const SoftmaxI8& s, const std::int8_t* in, std::int8_t* out) {
    for (std::size_t row = 0; row < s.rows; ++row, in += s.width, out += s.width) {
        const int largest = *std::max_element(in, in + s.width);
        float sum = 0;
        for (std::size_t i = 0; i < s.width; ++i) sum += s.below_largest[largest - in[i]];
        const float inverse = 1.0f / (sum * s.out_scale);
        for (std::size_t i = 0; i < s.width; ++i) {
            const float quotient = std::round(s.below_largest[largest - in[i]] * inverse);
            const float stored = quotient + static_cast<float>(s.zero_out);
            out[i] = saturated(stored);
        }
    }
}

}  // namespace hf::kernels
#endif
