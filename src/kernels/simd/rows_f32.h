// fp32 over the rows of a matrix: softmax, layer normalisation, mean. Sums run in one fixed order a
// machine, so a row's result does not depend on its neighbours.
//
// No allocation, no failure: callers have checked every size. `out` may be `in` where both have the
// same size. Thread-safe.

#pragma once

#include <cstddef>

namespace hf::kernels {

// out = exp(z - max z) / sum with z = beta * x + mask. The mask, which may be null, has a row of
// its own for each row, or with a step of 0 one for all. REQUIRES: width > 0.
struct SoftmaxF32 {
    std::size_t rows = 0, width = 0;
    float beta = 1;
    const float* mask = nullptr;
    std::size_t mask_step = 0;
};
void softmax_f32(const SoftmaxF32& softmax, const float* in, float* out);

// out = (x - mean) / sqrt(variance + epsilon) * scale + bias; `bias` may be null.
struct LayerNormF32 {
    std::size_t rows = 0, width = 0;
    float epsilon = 0;
    const float* scale = nullptr;
    const float* bias = nullptr;
};
void layer_norm_f32(const LayerNormF32& norm, const float* in, float* out);

// Each plane of [samples][channels][width] as above, with one scale and bias a channel.
struct InstanceNormF32 {
    std::size_t samples = 0, channels = 0, width = 0;
    float epsilon = 0;
    const float* scale = nullptr;
    const float* bias = nullptr;
};
void instance_norm_f32(const InstanceNormF32& norm, const float* in, float* out);

// The mean of each row (out: rows), or of each column of `blocks` matrices (out: blocks x width).
void mean_rows_f32(std::size_t rows, std::size_t width, const float* in, float* out);
struct MeanColumnsF32 {
    std::size_t blocks = 0, rows = 0, width = 0;
};
void mean_columns_f32(const MeanColumnsF32& mean, const float* in, float* out);

}  // namespace hf::kernels
