// Moving elements between arrays with any steps along each axis: slices, broadcasts, padding; and
// picking rows by index. No arithmetic.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hf::kernels {

inline constexpr std::size_t kMaxStridedRank = 12;

// For each place of `extents`, `run` bytes from `in` to `out`. Steps count bytes; 0 repeats, and
// negative ones walk back.
struct Strided {
    std::size_t rank = 0;
    std::array<std::size_t, kMaxStridedRank> extents{};
    std::array<std::ptrdiff_t, kMaxStridedRank> in_steps{}, out_steps{};
    std::size_t run = 4;
};

// The same move with as few axes and as long runs as it takes.
Strided merged(const Strided& strided);

void copy_strided(const Strided& strided, const void* in, void* out);

// Fills `count` elements of `size` bytes (1, 2, 4 or 8) with one.
void fill(const void* element, std::size_t size, std::size_t count, void* out);

// out [outer][count] rows of `row` bytes from in [outer][extent], by indices that may count from
// the end. Returns the first index that is outside, and writes nothing past it.
struct GatherRows {
    std::size_t outer = 0, extent = 0, row = 0, count = 0;
    bool wide = false;  // indices are i64, else i32
};
std::optional<std::int64_t> gather_rows(const GatherRows& gather, const void* indices,
                                        const void* in, void* out);

}  // namespace hf::kernels
