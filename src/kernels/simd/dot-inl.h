// The dot product of bytes, four at a time, that AVX-512 VNNI has and Highway 1.0.3 does not offer.
// Included once a Highway target; HF_KERNELS_HAVE_DOT says whether the target has registers for it,
// has_dot_product() (dispatch.h) whether the processor has the instruction.

// clang-format off
#if defined(HF_KERNELS_DOT_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef HF_KERNELS_DOT_INL
#undef HF_KERNELS_DOT_INL
#else
#define HF_KERNELS_DOT_INL
#endif
// clang-format on

#include <hwy/highway.h>

#undef HF_KERNELS_HAVE_DOT
#if HWY_TARGET == HWY_AVX3
#define HF_KERNELS_HAVE_DOT 1

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {

// Lane i gets the sum of a[4i + j] * b[4i + j] over j, added to sum[i]; bytes of a are unsigned,
// those of b signed. Sums wrap. REQUIRES: has_dot_product().
template <class V32>
HWY_INLINE V32 multiply_quads(V32 a, V32 b, V32 sum) {
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum.raw) : "v"(a.raw), "v"(b.raw));
    return sum;
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#else
#define HF_KERNELS_HAVE_DOT 0
#endif

#endif
