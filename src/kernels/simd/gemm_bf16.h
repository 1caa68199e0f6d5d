// Matrix product with weights in bfloat16 and sums in fp32: out[row][column] = clamp(sum over depth
// + bias). The left matrix is fp32 in memory; blocks of its rows are rounded to bfloat16, to
// nearest even, on the way.
//
// Weights are packed once, in panels of kPanel columns, two depths of a column side by side, the
// depth filled up with zeros: what AMX (tiles of 16 x 16 sums) and AVX-512 BF16 (pairs) multiply.
// Other machines widen each number; they gain memory, not speed. Every product is exact in fp32;
// the order of the additions is fixed by the machine alone, so that results are the same bits in
// every run, whatever the neighbours. They differ between instruction sets, within rounding: those
// of AMX and AVX-512 BF16 take numbers below fp32's normal ones for 0.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstdint>

#include "kernels/simd/gemm_f32.h"

namespace hf::kernels {

// Depths that are multiplied at a time.
inline constexpr std::size_t kDepthsBf16 = 32;

inline std::size_t padded_depth_bf16(std::size_t depth) {
    return (depth + kDepthsBf16 - 1) / kDepthsBf16 * kDepthsBf16;
}

inline std::size_t packed_size_bf16(std::size_t columns, std::size_t depth) {
    return packed_columns(columns) * padded_depth_bf16(depth);
}

// What a product needs for the rounded block of its left matrix; fewer rows never need more.
std::size_t left_bytes_bf16(const Windows& windows);

struct GemmBf16Data {
    const float* in = nullptr;
    const std::uint16_t* packed = nullptr;  // from pack_bf16
    const float* bias = nullptr;            // packed_columns(columns) of them, or null
    const float* residual = nullptr;        // added before the clamp, laid out as `out`; or null
    float* out = nullptr;
    void* left = nullptr;  // left_bytes_bf16, aligned to 64
};

// REQUIRES: packed_size_bf16 numbers at `packed`.
void pack_bf16(const Weights<float>& weights, std::size_t depth, std::uint16_t* packed);

void gemm_bf16(const GemmF32& gemm, const GemmBf16Data& data);

}  // namespace hf::kernels
