// A clamp that leaves what is not a number alone. Included once a Highway target.

// clang-format off
#if defined(HF_KERNELS_CLAMP_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_CLAMP_INL
#undef HF_KERNELS_CLAMP_INL
#else
#define HF_KERNELS_CLAMP_INL
#endif
// clang-format on

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {

// x86's minimum and maximum are their second operand where one is no number; Arm's are the number.
template <class V>
HWY_INLINE V clamp(V value, V low, V high) {
    namespace hn = hwy::HWY_NAMESPACE;
#if HWY_ARCH_X86
    return hn::Min(high, hn::Max(low, value));
#else
    value = hn::IfThenElse(hn::Lt(value, low), low, value);
    return hn::IfThenElse(hn::Gt(value, high), high, value);
#endif
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#endif
