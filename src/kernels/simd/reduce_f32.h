// fp32 over one axis in the middle: sums, extremes and softmax down the columns of matrices.
// Each result is computed in one fixed order a machine, whatever its neighbours.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstddef>

namespace hf::kernels {

// Values are stable: they are written into plan files.
enum class Reduction : unsigned char {
    kSum = 0,
    kMax = 1,  // NaN is passed over, as the reference device does
    kMin = 2,
    kSumOfSquares = 3,
    kL2 = 4,
    kL1 = 5
};
inline constexpr int kReductionCount = 6;

// Over the rows of `blocks` matrices of rows x width (out: blocks x width).
struct ReduceF32 {
    Reduction function = Reduction::kSum;
    std::size_t blocks = 0, rows = 0, width = 0;
};
void reduce_f32(const ReduceF32& reduce, const float* in, float* out);

// exp(x - max) / sum, or its logarithm, down each column. `out` may be `in`. REQUIRES: rows > 0.
struct SoftmaxColumnsF32 {
    std::size_t blocks = 0, rows = 0, width = 0;
    bool logarithm = false;
};
void softmax_columns_f32(const SoftmaxColumnsF32& softmax, const float* in, float* out);

}  // namespace hf::kernels
