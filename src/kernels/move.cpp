#include "kernels/move.h"

#include <cstdint>
#include <cstring>

namespace hf::kernels {
namespace {

// Square tiles keep both the reads and the writes of a transposition in cache.
constexpr std::size_t kTile = 16;

// The last two axes, in tiles.
template <typename T>
void plane(const Transpose& s, const T* in, T* out) {
    const std::size_t rows = s.extents[s.rank - 2], columns = s.extents[s.rank - 1];
    const std::size_t row_step = s.steps[s.rank - 2], column_step = s.steps[s.rank - 1];
    for (std::size_t r0 = 0; r0 < rows; r0 += kTile) {
        const std::size_t r1 = r0 + kTile < rows ? r0 + kTile : rows;
        for (std::size_t c0 = 0; c0 < columns; c0 += kTile) {
            const std::size_t c1 = c0 + kTile < columns ? c0 + kTile : columns;
            for (std::size_t r = r0; r < r1; ++r) {
                for (std::size_t c = c0; c < c1; ++c) {
                    out[r * columns + c] = in[r * row_step + c * column_step];
                }
            }
        }
    }
}

template <typename T>
void move(const Transpose& s, const T* in, T* out) {
    std::array<std::size_t, kMaxMoveRank> at{};
    const std::size_t outer = s.rank - 2;
    const std::size_t size = s.extents[s.rank - 2] * s.extents[s.rank - 1];
    while (true) {
        std::size_t from = 0;
        for (std::size_t i = 0; i < outer; ++i) from += at[i] * s.steps[i];
        plane(s, in + from, out);
        out += size;
        std::size_t axis = outer;
        while (axis > 0 && ++at[axis - 1] == s.extents[axis - 1]) at[--axis] = 0;
        if (axis == 0) return;
    }
}

// The same move with as few axes as it takes: axes of one are left out, and neighbours that are
// neighbours in `in` too become one, so that tiles lie over the two axes that change places. Never
// fewer than two.
Transpose merged(const Transpose& given) {
    Transpose s;
    s.element_size = given.element_size;
    for (std::size_t i = 0; i < given.rank; ++i) {
        const std::size_t extent = given.extents[i], step = given.steps[i];
        if (extent == 1) continue;
        if (s.rank > 0 && s.steps[s.rank - 1] == extent * step) {
            s.extents[s.rank - 1] *= extent;
            s.steps[s.rank - 1] = step;
        } else {
            s.extents[s.rank] = extent;
            s.steps[s.rank] = step;
            ++s.rank;
        }
    }
    while (s.rank < 2) {
        for (std::size_t i = s.rank; i > 0; --i) {
            s.extents[i] = s.extents[i - 1];
            s.steps[i] = s.steps[i - 1];
        }
        s.extents[0] = 1;
        s.steps[0] = 0;
        ++s.rank;
    }
    return s;
}

}  // namespace

void transpose(const Transpose& given, const void* in, void* out) {
    for (std::size_t i = 0; i < given.rank; ++i) {
        if (given.extents[i] == 0) return;
    }
    const Transpose s = merged(given);
    switch (s.element_size) {
        case 1:
            return move(s, static_cast<const std::uint8_t*>(in), static_cast<std::uint8_t*>(out));
        case 2:
            return move(s, static_cast<const std::uint16_t*>(in), static_cast<std::uint16_t*>(out));
        case 4:
            return move(s, static_cast<const std::uint32_t*>(in), static_cast<std::uint32_t*>(out));
        default:
            return move(s, static_cast<const std::uint64_t*>(in), static_cast<std::uint64_t*>(out));
    }
}

void copy_rows(const CopyRows& copy, const void* in, void* out) {
    if (copy.row_size == 0) return;
    const auto* from = static_cast<const std::uint8_t*>(in);
    auto* to = static_cast<std::uint8_t*>(out);
    for (std::size_t r = 0; r < copy.rows; ++r, from += copy.row_size, to += copy.out_step) {
        std::memcpy(to, from, copy.row_size);
    }
}

}  // namespace hf::kernels
