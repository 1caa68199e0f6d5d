// How products walk over the rows of their left matrix: in blocks that stay in a cache while every
// panel of weights goes over them. Internal to the product kernels.

#pragma once

#include <algorithm>
#include <cstddef>

#include "kernels/simd/windows.h"

namespace hf::kernels {

// Where each row of a block starts.
template <typename T>
class RowBlock {
public:
    static constexpr std::size_t kMost = 144;

    // REQUIRES: count is at most kMost.
    RowBlock(const Windows& windows, const T* in, std::size_t first, std::size_t count)
        : first(first), count(count) {
        std::size_t y = first / windows.rows_x, x = first % windows.rows_x;
        for (std::size_t i = 0; i < count; ++i) {
            rows[i] = in + y * windows.step_y + x * windows.step_x;
            if (++x < windows.rows_x) continue;
            x = 0;
            ++y;
        }
    }

    std::size_t first, count;
    const T* rows[kMost];
};

// Calls f(first row, count) for blocks of about equal size, whole tiles of rows each but the last.
// Short rows stay in the first-level cache, which holds some 48 of them beside a panel; long ones
// come from the second level anyway, and more of them save passes over the weights.
template <typename F>
void for_row_blocks(const Windows& windows, std::size_t tile, F f) {
    constexpr std::size_t kShortRow = 160, kElements = 48 << 10, kFew = 48, kMany = 96;
    const std::size_t depth = windows.depth(), rows = windows.rows();
    const std::size_t wanted =
        depth <= kShortRow ? kFew : std::clamp(kElements / depth, kFew, kMany);
    const std::size_t blocks = std::max<std::size_t>(1, rows / wanted);
    const std::size_t even = (rows + blocks - 1) / blocks;
    const std::size_t size = std::min((even + tile - 1) / tile * tile, RowBlock<float>::kMost);
    for (std::size_t first = 0; first < rows; first += size) {
        f(first, std::min(size, rows - first));
    }
}

}  // namespace hf::kernels
