// Which instruction sets the kernels are compiled for; included before any Highway header.
//
// Each kernel file is compiled once a target (baseline, SSE4, AVX2, AVX3; NEON on arm64) and
// picks the best at run time (Highway's foreach_target.h). Kernels assume vectors of fixed size,
// which leaves out SVE and RVV; SSSE3 machines use the baseline.

#pragma once

// The kernels use no AES; without this, Highway asks for it before it takes SSE4.
#define HWY_DISABLE_PCLMUL_AES 1

// Before Highway's header, which makes it 0 otherwise.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#endif

#include <hwy/detect_targets.h>

namespace hf::kernels {

// Output channels are packed in panels of this many, whatever the vector size: packed weights are
// the same bytes on every machine.
inline constexpr unsigned kPanel = 16;

}  // namespace hf::kernels
