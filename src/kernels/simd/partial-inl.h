// Vectors of which only the first lanes are in memory. Included once a target, by files of
// Highway's pattern.

#if defined(HF_KERNELS_SIMD_PARTIAL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_SIMD_PARTIAL_INL_H_
#undef HF_KERNELS_SIMD_PARTIAL_INL_H_
#else
#define HF_KERNELS_SIMD_PARTIAL_INL_H_
#endif

#include <cstddef>

#include <hwy/highway.h>

// Whether masked accesses leave the rest of memory alone; elsewhere Highway makes them of whole
// ones.
#undef HF_KERNELS_HAVE_MASKS
#define HF_KERNELS_HAVE_MASKS (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3)

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {

// The other lanes are `rest`.
template <class D>
HWY_INLINE hwy::HWY_NAMESPACE::VFromD<D> load_some(D d, const float* from, std::size_t count,
                                                   float rest = 0) {
    namespace hn = hwy::HWY_NAMESPACE;
    constexpr std::size_t kLanes = hn::MaxLanes(D());
    if (count >= kLanes) return hn::LoadU(d, from);
#if HF_KERNELS_HAVE_MASKS
    const auto mask = hn::FirstN(d, count);
    return hn::IfThenElse(mask, hn::MaskedLoad(mask, d, from), hn::Set(d, rest));
#else
    float lanes[kLanes];
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = rest;
    for (std::size_t i = 0; i < count; ++i) lanes[i] = from[i];
    return hn::LoadU(d, lanes);
#endif
}

template <class D>
HWY_INLINE void store_some(hwy::HWY_NAMESPACE::VFromD<D> value, D d, float* to, std::size_t count) {
    namespace hn = hwy::HWY_NAMESPACE;
    constexpr std::size_t kLanes = hn::MaxLanes(D());
    if (count >= kLanes) return hn::StoreU(value, d, to);
#if HF_KERNELS_HAVE_MASKS
    hn::BlendedStore(value, hn::FirstN(d, count), d, to);
#else
    float lanes[kLanes];
    hn::StoreU(value, d, lanes);
    for (std::size_t i = 0; i < count; ++i) to[i] = lanes[i];
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#endif
