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

void add_i8(const AddI8& s, const std::int8_t* a, const std::int8_t* b, std::int8_t* out) {
    HWY_DYNAMIC_DISPATCH(add)(s, a, b, out);
}

void quantize_i8(const AffineI8& affine, const float* in, std::int8_t* out) {
    for (std::size_t i = 0; i < affine.count; ++i) {
        const float value =
            std::round(in[i] / affine.scale) + static_cast<float>(affine.zero_point);
        out[i] = saturated(value);
    }
}

void dequantize_i8(const AffineI8& affine, const std::int8_t* in, float* out) {
    for (std::size_t i = 0; i < affine.count; ++i) {
        out[i] = affine.scale * static_cast<float>(in[i] - affine.zero_point);
    }
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
