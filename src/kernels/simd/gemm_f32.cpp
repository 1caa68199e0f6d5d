#include "kernels/simd/gemm_f32.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"
#include "kernels/simd/partial-inl.h"
#include "kernels/simd/row_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kVectors = kPanel / kLanes;  // of a panel

// The tile whose sums fill the registers: 12 of 16, or 24 of 32.
constexpr bool kManyRegisters = HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64;
constexpr std::size_t kTileVectors = kVectors > 2 ? kVectors : 2;
constexpr std::size_t kTileSums = kManyRegisters ? 24 : 12;
constexpr std::size_t kTileRows = kTileVectors < kTileSums ? kTileSums / kTileVectors : 1;
// Where half as many vectors are left; more rows than registers hold their addresses do not pay.
constexpr std::size_t kNarrowRows = kTileRows < 12 ? 2 * kTileRows : kTileRows;

template <class Rows>
struct Tile {
    Rows rows;              // where each left row starts
    const float* packed;    // the first panel
    const float* bias;      // from its first column on, or null
    const float* residual;  // of the first row and column, or null
    float* out;
    std::size_t columns;  // that are left, from the first one on
};

template <class Rows, std::size_t kRows, std::size_t kWidth>
HWY_INLINE void store(const GemmF32& gemm, const Tile<Rows>& tile, V (&sums)[kRows][kWidth]) {
    const D d;
    const V low = hn::Set(d, gemm.min), high = hn::Set(d, gemm.max);
    HWY_UNROLL(16) for (std::size_t v = 0; v < kWidth; ++v) {
        const std::size_t from = v * kLanes;
        if (from >= tile.columns) break;
        const std::size_t left = tile.columns - from;
        if (tile.bias) {
            const V bias = hn::LoadU(d, tile.bias + from);
            HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
                sums[r][v] = hn::Add(sums[r][v], bias);
            }
        }
        if (tile.residual) {
            const float* residual = tile.residual + from;
            HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r, residual += gemm.out_step) {
                sums[r][v] = hn::Add(sums[r][v], load_some(d, residual, left));
            }
        }
        float* out = tile.out + from;
        const auto clamped = [&](V sum) HWY_ATTR { return clamp(sum, low, high); };
        if (left >= kLanes) {
            HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r, out += gemm.out_step) {
                hn::StoreU(clamped(sums[r][v]), d, out);
            }
        } else {
            HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r, out += gemm.out_step) {
                store_some(clamped(sums[r][v]), d, out, left);
            }
        }
    }
}

// kRows rows against kWidth vectors of columns, which may be half a panel or several. Every sum
// runs over depth from first to last, whatever the tile: a row has the same bits in all of them.
template <std::size_t kRows, std::size_t kWidth, class Rows>
void compute(const GemmF32& gemm, const Tile<Rows>& tile) {
    const D d;
    const Windows& w = gemm.windows;
    const std::size_t panel = w.depth() * kPanel;
    V sums[kRows][kWidth];
    HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
        HWY_UNROLL(16) for (std::size_t v = 0; v < kWidth; ++v) sums[r][v] = hn::Zero(d);
    }
    const float* HWY_RESTRICT packed = tile.packed;
    for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
        for (std::size_t sx = 0; sx < w.segments_x; ++sx) {
            auto left_rows =
                tile.rows.template cursor<kRows>(sy * w.segment_step_y + sx * w.segment_step_x);
            for (std::size_t k = 0; k < w.run; ++k, packed += kPanel, left_rows.move(1)) {
                V right[kWidth];
                HWY_UNROLL(16) for (std::size_t v = 0; v < kWidth; ++v) {
                    right[v] = hn::LoadU(d, packed + v / kVectors * panel + v % kVectors * kLanes);
                }
                HWY_UNROLL(32) for (std::size_t r = 0; r < kRows; ++r) {
                    const V left = hn::Set(d, *left_rows.at(r));
                    HWY_UNROLL(16) for (std::size_t v = 0; v < kWidth; ++v) {
                        sums[r][v] = hn::MulAdd(left, right[v], sums[r][v]);
                    }
                }
            }
        }
    }
    store(gemm, tile, sums);
}

// The rows of one block against all panels.
template <class Block>
class ProductF32 {
public:
    ProductF32(const GemmF32& gemm, const GemmF32Data& data, const Block& rows)
        : gemm_(gemm), data_(data), rows_(rows), depth_(gemm.windows.depth()) {}

    void run() const {
        if (rows_.count < kTileRows) return few_rows();
        constexpr std::size_t kColumns = kTileVectors * kLanes;
        for (std::size_t column = 0; column < gemm_.columns; column += kColumns) {
            const std::size_t left = gemm_.columns - column;
            if (left > kColumns / 2) {
                tiles<kTileRows, kTileVectors>(column);
            } else if (rows_.count >= kNarrowRows) {
                tiles<kNarrowRows, kTileVectors / 2>(column);
            } else {
                tiles<kTileRows, kTileVectors / 2>(column);
            }
        }
    }

private:
    template <std::size_t kRows, std::size_t kWidth>
    void tile(std::size_t row, std::size_t column) const {
        const std::size_t at = (rows_.first + row) * gemm_.out_step + column;
        const Tile<decltype(rows_.from(row))> tile{rows_.from(row),
                                                   data_.packed + column * depth_,
                                                   data_.bias ? data_.bias + column : nullptr,
                                                   data_.residual ? data_.residual + at : nullptr,
                                                   data_.out + at,
                                                   gemm_.columns - column};
        compute<kRows, kWidth>(gemm_, tile);
    }

    template <std::size_t kRows, std::size_t kWidth>
    void tiles(std::size_t column) const {
        for_tiles<kRows>(rows_.count, [&](auto height, std::size_t row) {
            tile<decltype(height)::value, kWidth>(row, column);
        });
    }

    // Fewer rows than a tile has: several panels at once hide the latency of the additions.
    void few_rows() const {
        constexpr std::size_t kWide = kManyRegisters ? 4 * kVectors : kVectors;
        constexpr std::size_t kWider = kManyRegisters ? 4 * kVectors : 2 * kVectors;
        std::size_t row = 0;
        for (; row + 4 <= rows_.count; row += 4) columns<4, kWide>(row, 0);
        for (; row + 2 <= rows_.count; row += 2) columns<2, kWider>(row, 0);
        for (; row < rows_.count; ++row) columns<1, 4 * kVectors>(row, 0);
    }

    template <std::size_t kRows, std::size_t kWidth>
    void columns(std::size_t row, std::size_t column) const {
        const std::size_t end = packed_columns(gemm_.columns);
        for (; column + kWidth * kLanes <= end; column += kWidth * kLanes) {
            tile<kRows, kWidth>(row, column);
        }
        if constexpr (kWidth > kVectors) {
            if (column < end) columns<kRows, kWidth / 2>(row, column);
        }
    }

    const GemmF32& gemm_;
    const GemmF32Data& data_;
    const Block& rows_;
    std::size_t depth_;
};

void gemm(const GemmF32& gemm, const GemmF32Data& data) {
    with_row_blocks(gemm.windows, data.in, kTileRows,
                    [&](const auto& block) { ProductF32(gemm, data, block).run(); });
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(gemm);

void pack_f32(const Weights<float>& weights, std::size_t depth, float* packed) {
    for (std::size_t first = 0; first < weights.columns; first += kPanel) {
        const bool whole = first + kPanel <= weights.columns && weights.column_step == 1;
        for (std::size_t k = 0; whole && k < depth; ++k, packed += kPanel) {
            std::memcpy(packed, weights.data + first + k * weights.depth_step,
                        kPanel * sizeof(float));
        }
        for (std::size_t k = 0; !whole && k < depth; ++k) {
            for (std::size_t c = first; c < first + kPanel; ++c) {
                *packed++ = c < weights.columns
                                ? weights.data[c * weights.column_step + k * weights.depth_step]
                                : 0.0f;
            }
        }
    }
}

void gemm_f32(const GemmF32& gemm, const GemmF32Data& data) {
    HWY_DYNAMIC_DISPATCH(gemm)(gemm, data);
}

}  // namespace hf::kernels
#endif
