// How products walk over the rows of their left matrix: in blocks that stay in a cache while every
// panel of weights goes over them. Internal to the product kernels.

#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "kernels/simd/windows.h"

#include <hwy/base.h>

namespace hf::kernels {

// Where a program has to be small, one form of each loop does for all shapes. Sanitizers, which
// compile these loops for minutes, see tiles of one height.
#ifdef HF_KERNELS_SMALL
inline constexpr bool kSmallCode = true;
#else
inline constexpr bool kSmallCode = false;
#endif
#if defined(HF_KERNELS_SMALL) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kOneHeight = true;
#else
inline constexpr bool kOneHeight = false;
#endif

// Where the rows of a tile start: at addresses of their own, or at equal steps, for which a quarter
// of the registers do. at(row) follows `move` elements on.
template <typename T>
struct RowsAtAddresses {
    const T* const* rows;

    template <std::size_t kRows>
    struct Cursor {
        const T* const* rows;
        std::size_t moved;

        const T* at(std::size_t row) const { return rows[row] + moved; }
        void move(std::size_t elements) { moved += elements; }
    };
    template <std::size_t kRows>
    Cursor<kRows> cursor(std::size_t from) const {
        return {rows, from};
    }
};

template <typename T>
struct RowsAtSteps {
    const T* first;
    std::size_t step;

    template <std::size_t kRows>
    struct Cursor {
        static constexpr std::size_t kEach = 4;  // rows that one address serves
        const T* fourth[(kRows + kEach - 1) / kEach];
        std::size_t step, steps3;

        const T* at(std::size_t row) const {
            const T* from = fourth[row / kEach];
            return row % kEach == 3 ? from + steps3 : from + row % kEach * step;
        }
        void move(std::size_t elements) {
            HWY_UNROLL(8) for (const T*& from : fourth) from += elements;
        }
    };
    template <std::size_t kRows>
    Cursor<kRows> cursor(std::size_t from) const {
        Cursor<kRows> cursor;
        HWY_UNROLL(8) for (const T*& fourth : cursor.fourth) {
            fourth = first + from;
            from += cursor.kEach * step;
        }
        cursor.step = step;
        cursor.steps3 = 3 * step;
        return cursor;
    }
};

// Rows of one block whose windows lie anyhow.
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

    RowsAtAddresses<T> from(std::size_t row) const { return {rows + row}; }

    std::size_t first, count;
    const T* rows[kMost];
};

// Rows of one block at equal steps, as those of a matrix are.
template <typename T>
struct EvenBlock {
    RowsAtSteps<T> from(std::size_t row) const { return {start + row * step, step}; }

    std::size_t first, count;
    const T* start;
    std::size_t step;
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

// Calls f(block) for the same blocks, each of the kind that fits its rows.
template <typename T, typename F>
void with_row_blocks(const Windows& windows, const T* in, std::size_t tile, F f) {
    [[maybe_unused]] const bool even =
        windows.rows_y == 1 || windows.step_y == windows.rows_x * windows.step_x;
    for_row_blocks(windows, tile, [&](std::size_t first, std::size_t count) {
        if constexpr (!kSmallCode) {
            if (even) {
                f(EvenBlock<T>{first, count, in + first * windows.step_x, windows.step_x});
                return;
            }
        }
        f(RowBlock<T>(windows, in, first, count));
    });
}

// Calls f(height, first row) for tiles that cover `count` rows, `height` a constant as its type:
// all of kRows, or all lower where that wastes less. The last one goes over rows of the one before
// again. REQUIRES: count is at least kRows.
template <std::size_t kRows, typename F>
void for_tiles(std::size_t count, F f) {
    constexpr std::size_t kLow = kRows > 3 && !kOneHeight ? kRows * 2 / 3 : kRows;
    constexpr std::size_t kMiddle = kRows > 5 && !kOneHeight ? kRows * 5 / 6 : kRows;
    const auto walk = [&](auto height) {
        std::size_t row = 0;
        for (; row + height() <= count; row += height()) f(height, row);
        if (row < count) f(height, count - height());
    };
    const std::size_t tiles = (count + kRows - 1) / kRows;
    if (tiles * kLow >= count) {
        walk(std::integral_constant<std::size_t, kLow>());
    } else if (tiles * kMiddle >= count) {
        walk(std::integral_constant<std::size_t, kMiddle>());
    } else {
        walk(std::integral_constant<std::size_t, kRows>());
    }
}

}  // namespace hf::kernels
