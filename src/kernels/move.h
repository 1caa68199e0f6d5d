// Moving elements of any fixed size: transposition and the joining of arrays. No arithmetic.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <array>
#include <cstddef>

namespace hf::kernels {

inline constexpr std::size_t kMaxMoveRank = 8;

// out, of shape `extents` row-major, from `in` by `steps` (elements to move in `in` for one along
// each axis of out).
struct Transpose {
    std::size_t rank = 0;
    std::array<std::size_t, kMaxMoveRank> extents{};
    std::array<std::size_t, kMaxMoveRank> steps{};
    std::size_t element_size = 4;  // 1, 2, 4 or 8
};
void transpose(const Transpose& transpose, const void* in, void* out);

// `rows` stretches of row_size bytes, from `in` back to back to `out` every out_step bytes.
struct CopyRows {
    std::size_t rows = 0, row_size = 0, out_step = 0;
};
void copy_rows(const CopyRows& copy, const void* in, void* out);

}  // namespace hf::kernels
