#include "kernels/simd/gemm_bf16.h"

#include <algorithm>
#include <cstring>

#include "kernels/simd/dispatch.h"
#include "tensor/tensor.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_bf16.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"
#include "kernels/simd/partial-inl.h"
#include "kernels/simd/tiles-inl.h"

#ifndef HF_KERNELS_GEMM_BF16_ONCE
#define HF_KERNELS_GEMM_BF16_ONCE
namespace hf::kernels {

// Of the left matrix.
struct Bf16Rows {
    std::size_t first, count;
};

// Columns and, at most, rows whose sums are held at a time: four tiles.
constexpr std::size_t kSumRows = 32, kSumColumns = std::size_t{2} * kPanel;

// From one rounded row to the next: an odd number of cache lines, so that the rows of a tile do not
// meet in a few sets of the cache.
inline std::size_t left_step(std::size_t depth) {
    return (padded_depth_bf16(depth) / kDepthsBf16 | 1) * kDepthsBf16;
}

// Rows that are rounded at a time: enough of them to be worth reading all weights, and few enough
// to stay in the second-level cache.
inline std::size_t block_rows(std::size_t depth) {
    constexpr std::size_t kElements = 320 << 10, kMost = 128;
    return std::clamp(kElements / left_step(depth) / kSumRows * kSumRows, kSumRows, kMost);
}

}  // namespace hf::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
using D32 = hn::Rebind<std::uint32_t, D>;
using V32 = hn::VFromD<D32>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kVectors = kPanel / kLanes;  // of a panel

// As float_to_bfloat does. `to` is written to a whole vector's end: numbers that are not there
// become zeros.
HWY_INLINE void round_some(const float* from, std::size_t count, std::uint16_t* to) {
    const D d;
    const D32 d32;
    const V value = load_some(d, from, count);
    const V32 bits = hn::BitCast(d32, value);
    const V32 odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(d32, 1));
    const V32 rounded = hn::Add(bits, hn::Add(odd, hn::Set(d32, 0x7fff)));
    const V32 quiet = hn::Or(bits, hn::Set(d32, 0x400000));
    const auto is_nan = hn::RebindMask(d32, hn::IsNaN(value));
    const V32 high = hn::ShiftRight<16>(hn::IfThenElse(is_nan, quiet, rounded));
    const hn::Rebind<std::int32_t, D> d_signed;
    const hn::Rebind<std::uint16_t, D> d16;
    hn::StoreU(hn::DemoteTo(d16, hn::BitCast(d_signed, high)), d16, to);
}

HWY_INLINE void round_run(const float* from, std::size_t count, bool pairs, std::uint16_t* to) {
    std::size_t i = 0;
#if HF_KERNELS_HAVE_TILES
    for (; pairs && i + 32 <= count; i += 32) round_32(from + i, to + i);
#endif
    static_cast<void>(pairs);
    for (; i < count; i += kLanes) round_some(from + i, count - i, to + i);
}

// Rows `first` to `first + count` of the left matrix.
void round_rows(const Windows& w, const float* in, Bf16Rows rows, std::uint16_t* left) {
    const bool pairs = has_bf16_pairs();
    const std::size_t depth = w.depth(), padded = padded_depth_bf16(depth), step = left_step(depth);
    std::size_t y = rows.first / w.rows_x, x = rows.first % w.rows_x;
    for (std::size_t i = 0; i < rows.count; ++i, left += step) {
        std::uint16_t* to = left;
        if (depth < padded) std::memset(left + padded - kDepthsBf16, 0, kDepthsBf16 * sizeof *left);
        const float* row = in + y * w.step_y + x * w.step_x;
        for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
            for (std::size_t sx = 0; sx < w.segments_x; ++sx, to += w.run) {
                round_run(row + sy * w.segment_step_y + sx * w.segment_step_x, w.run, pairs, to);
            }
        }
        if (++x < w.rows_x) continue;
        x = 0;
        ++y;
    }
}

// Rows of sums and where they go.
struct Finish {
    const GemmF32& gemm;
    const GemmBf16Data& data;
    std::size_t row, column;  // of the first sum

    // `sums` has kSumColumns a row.
    void store(const float* sums, std::size_t rows, std::size_t columns) const {
        const D d;
        const V low = hn::Set(d, gemm.min), high = hn::Set(d, gemm.max);
        columns = std::min(columns, gemm.columns - column);
        for (std::size_t r = 0; r < rows; ++r, sums += kSumColumns) {
            const std::size_t at = (row + r) * gemm.out_step + column;
            for (std::size_t c = 0; c < columns; c += kLanes) {
                V sum = hn::LoadU(d, sums + c);
                if (data.bias) sum = hn::Add(sum, hn::LoadU(d, data.bias + column + c));
                if (data.residual) {
                    sum = hn::Add(sum, load_some(d, data.residual + at + c, columns - c));
                }
                store_some(clamp(sum, low, high), d, data.out + at + c, columns - c);
            }
        }
    }
};

// The operands of a block from one row and column on.
TileOperands operands_at(const GemmF32& gemm, const GemmBf16Data& data, std::size_t row,
                         std::size_t column) {
    constexpr std::size_t kSize = sizeof(std::uint16_t);
    const std::size_t depth = padded_depth_bf16(gemm.windows.depth());
    const std::size_t step = left_step(depth) * kSize;
    return {static_cast<const std::uint8_t*>(data.left) + row * step, step,
            reinterpret_cast<const std::uint8_t*>(data.packed + column * depth),
            depth * kPanel * kSize, depth * kSize};
}

#if HF_KERNELS_HAVE_TILES
void by_tiles(const GemmF32& gemm, const GemmBf16Data& data, Bf16Rows rows) {
    alignas(64) float sums[kSumRows * kSumColumns];
    for (std::size_t column = 0; column < gemm.columns; column += kSumColumns) {
        const std::size_t width = std::min(kSumColumns, gemm.columns - column);
        for (std::size_t row = 0; row < rows.count; row += kSumRows) {
            const std::size_t count = std::min(kSumRows, rows.count - row);
            multiply_tiles<TileKind::kBf16>(operands_at(gemm, data, row, column), count, width,
                                            sums);
            Finish{gemm, data, rows.first + row, column}.store(sums, count, width);
        }
    }
}
#endif

HWY_INLINE V low_of(V32 pair) {
    return hn::BitCast(D(), hn::ShiftLeft<16>(pair));
}
HWY_INLINE V high_of(V32 pair) {
    return hn::BitCast(D(), hn::And(pair, hn::Set(D32(), 0xffff0000u)));
}

// kRows rows against one panel.
template <std::size_t kRows, bool kPairs>
void multiply_panel(const TileOperands& operands, float* sums) {
    const D d;
    const D32 d32;
    V sum[kRows][kVectors];
    HWY_UNROLL(16) for (auto& row : sum) {
        HWY_UNROLL(4) for (V& one : row) one = hn::Zero(d);
    }
    const std::uint8_t* right = operands.right;
    for (std::size_t k = 0; k < operands.depth; k += 4, right += std::size_t{4} * kPanel) {
        V32 pair[kVectors];
        HWY_UNROLL(4) for (std::size_t v = 0; v < kVectors; ++v) {
            pair[v] = hn::LoadU(d32, reinterpret_cast<const std::uint32_t*>(right) + v * kLanes);
        }
        HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
            std::uint32_t bits;
            std::memcpy(&bits, operands.left + r * operands.step + k, sizeof bits);
            const V32 both = hn::Set(d32, bits);
            HWY_UNROLL(4) for (std::size_t v = 0; v < kVectors; ++v) {
#if HF_KERNELS_HAVE_TILES
                if constexpr (kPairs) {
                    sum[r][v] = multiply_pairs(both, pair[v], sum[r][v]);
                    continue;
                }
#endif
                sum[r][v] = hn::MulAdd(low_of(both), low_of(pair[v]), sum[r][v]);
                sum[r][v] = hn::MulAdd(high_of(both), high_of(pair[v]), sum[r][v]);
            }
        }
    }
    HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r, sums += kSumColumns) {
        HWY_UNROLL(4) for (std::size_t v = 0; v < kVectors; ++v) {
            hn::StoreU(sum[r][v], d, sums + v * kLanes);
        }
    }
}

template <bool kPairs>
void by_panels(const GemmF32& gemm, const GemmBf16Data& data, Bf16Rows rows) {
    constexpr std::size_t kRows = kLanes >= kPanel ? 16 : kLanes / 2;
    alignas(64) float sums[kRows * kSumColumns];
    for (std::size_t column = 0; column < gemm.columns; column += kPanel) {
        for (std::size_t row = 0; row < rows.count; row += kRows) {
            TileOperands operands = operands_at(gemm, data, row, column);
            const std::size_t count = std::min(kRows, rows.count - row);
            if (count == kRows) {
                multiply_panel<kRows, kPairs>(operands, sums);
            } else {
                for (std::size_t r = 0; r < count; ++r, operands.left += operands.step) {
                    multiply_panel<1, kPairs>(operands, sums + r * kSumColumns);
                }
            }
            Finish{gemm, data, rows.first + row, column}.store(sums, count, kPanel);
        }
    }
}

void gemm(const GemmF32& gemm, const GemmBf16Data& data) {
    const std::size_t total = gemm.windows.rows(), most = block_rows(gemm.windows.depth());
    const auto for_blocks = [&](auto multiply) {
        for (std::size_t first = 0; first < total; first += most) {
            const Bf16Rows rows{first, std::min(most, total - first)};
            round_rows(gemm.windows, data.in, rows, static_cast<std::uint16_t*>(data.left));
            multiply(gemm, data, rows);
        }
    };
#if HF_KERNELS_HAVE_TILES
    if (has_tiles()) {
        const Tiles tiles;
        return for_blocks(by_tiles);
    }
    if (has_bf16_pairs()) return for_blocks(by_panels<true>);
#endif
    for_blocks(by_panels<false>);
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(gemm);

std::size_t left_bytes_bf16(const Windows& windows) {
    constexpr std::size_t kTile = kSumRows / 2;
    const std::size_t rows = (windows.rows() + kTile - 1) / kTile * kTile;
    const std::size_t step = left_step(windows.depth());
    // And what the last vector of the last row writes beyond it.
    return (std::min(rows, block_rows(windows.depth())) * step + kPanel) * sizeof(std::uint16_t);
}

void pack_bf16(const Weights<float>& weights, std::size_t depth, std::uint16_t* packed) {
    const std::size_t padded = padded_depth_bf16(depth);
    for (std::size_t first = 0; first < weights.columns; first += kPanel) {
        for (std::size_t k = 0; k < padded; k += 2) {
            for (std::size_t c = first; c < first + kPanel; ++c) {
                for (std::size_t i = k; i < k + 2; ++i) {
                    const bool there = c < weights.columns && i < depth;
                    *packed++ =
                        there ? float_to_bfloat(
                                    weights.data[c * weights.column_step + i * weights.depth_step])
                              : std::uint16_t{0};
                }
            }
        }
    }
}

void gemm_bf16(const GemmF32& gemm, const GemmBf16Data& data) {
    HWY_DYNAMIC_DISPATCH(gemm)(gemm, data);
}

}  // namespace hf::kernels
#endif
