// Matrix product with packed weights, fp32: out[row][column] = clamp(sum over depth + bias), the
// heart of convolutions, fully connected layers and matrix products.
//
// Weights are packed once, in panels of kPanel columns, depth by depth. Sums run over depth in one
// fixed order a machine, so results are the same bits in every run, whatever the neighbours.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include "kernels/simd/targets.h"
#include "kernels/simd/windows.h"

namespace hf::kernels {

struct GemmF32 {
    Windows windows;
    std::size_t columns = 0;
    std::size_t out_step = 0;  // from one output row to the next
    float min = 0, max = 0;    // the fused activation: clamp
};

struct GemmF32Data {
    const float* in = nullptr;
    const float* packed = nullptr;    // from pack_f32
    const float* bias = nullptr;      // packed_columns(columns) of them, or null
    const float* residual = nullptr;  // added before the clamp, laid out as `out`; or null
    float* out = nullptr;
};

inline std::size_t packed_columns(std::size_t columns) {
    return (columns + kPanel - 1) / kPanel * kPanel;
}

inline std::size_t packed_size_f32(std::size_t columns, std::size_t depth) {
    return packed_columns(columns) * depth;
}

// REQUIRES: packed_size_f32 floats at `packed`.
void pack_f32(const Weights<float>& weights, std::size_t depth, float* packed);

void gemm_f32(const GemmF32& gemm, const GemmF32Data& data);

}  // namespace hf::kernels
