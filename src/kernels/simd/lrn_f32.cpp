#include "kernels/simd/lrn_f32.h"

#include <algorithm>
#include <limits>

#include "kernels/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/lrn_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/contrib/math/math-inl.h>
#include <hwy/highway.h>

#include "kernels/simd/partial-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, 16>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());

// So many neighbouring places go through all channels together: the window stays in the first
// cache.
constexpr std::size_t kPlaces = 64;

// x / base ^ beta. Most networks have 3/4, which two roots give without a logarithm.
template <bool kThreeQuarters>
HWY_INLINE V divide_by_power(V x, V base, V minus_beta) {
    const D d;
    if constexpr (kThreeQuarters) {
        const V root = hn::Sqrt(base);
        return hn::Div(x, hn::Mul(root, hn::Sqrt(root)));
    }
    const V most = hn::Set(d, std::numeric_limits<float>::max());
    const V known = hn::Min(base, most);
    return hn::Mul(x, hn::Exp(d, hn::Mul(minus_beta, hn::Log(d, known))));
}

template <bool kThreeQuarters>
HWY_INLINE V one(const LrnF32& s, std::size_t channel, const float* in, std::size_t count) {
    const D d;
    const std::size_t first = channel - std::min(channel, s.before);
    const std::size_t last = std::min(channel + s.after, s.channels - 1);
    V sum = hn::Zero(d);
    for (std::size_t c = first; c <= last; ++c) {
        const V x = load_some(d, in + c * s.inner, count);
        sum = hn::MulAdd(x, x, sum);
    }
    const V base = hn::MulAdd(sum, hn::Set(d, s.scale), hn::Set(d, s.bias));
    const V x = load_some(d, in + channel * s.inner, count);
    return divide_by_power<kThreeQuarters>(x, base, hn::Set(d, -s.beta));
}

template <bool kThreeQuarters>
void places(const LrnF32& s, const float* in, float* out, std::size_t count) {
    const D d;
    for (std::size_t channel = 0; channel < s.channels; ++channel) {
        for (std::size_t i = 0; i < count; i += kLanes) {
            const std::size_t some = std::min(kLanes, count - i);
            const V value = one<kThreeQuarters>(s, channel, in + i, some);
            store_some(value, d, out + channel * s.inner + i, some);
        }
    }
}

void lrn(const LrnF32& s, const float* in, float* out) {
    const std::size_t plane = s.channels * s.inner;
    for (std::size_t o = 0; o < s.outer; ++o, in += plane, out += plane) {
        for (std::size_t i = 0; i < s.inner; i += kPlaces) {
            const std::size_t count = std::min(kPlaces, s.inner - i);
            if (s.beta == 0.75f) {
                places<true>(s, in + i, out + i, count);
            } else {
                places<false>(s, in + i, out + i, count);
            }
        }
    }
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(lrn);

void lrn_f32(const LrnF32& s, const float* in, float* out) {
    HWY_DYNAMIC_DISPATCH(lrn)(s, in, out);
}

}  // namespace hf::kernels
#endif
