#include "kernels/simd/gemm_i8.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_i8.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/requantize-inl.h"
#include "kernels/simd/row_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D16 = hn::CappedTag<std::int16_t, kPanel>;
using D32 = hn::RepartitionToWide<D16>;
using D8 = hn::Rebind<std::int8_t, D16>;
using V32 = hn::VFromD<D32>;
constexpr std::size_t kLanes = hn::MaxLanes(D32());
constexpr std::size_t kVectors = kPanel / kLanes;  // of a panel

// The tile whose sums fill the registers, as in gemm_f32.cpp, and that for half a panel.
constexpr std::size_t kTileRows = kVectors <= 2 ? 6 : kVectors <= 4 ? 4 : 1;
constexpr std::size_t kNarrowRows = 2 * kTileRows;
constexpr std::size_t kNarrowVectors = kVectors > 1 ? kVectors / 2 : 1;

struct Tile {
    const std::int16_t* const* rows;
    const std::int8_t* packed;
    std::int8_t* out;
    std::size_t column;   // the panel's first
    std::size_t columns;  // of this panel
};

template <class Rescaling, std::size_t kRows, std::size_t kWidth>
void store(const GemmI8& gemm, const Tile& tile, V32 (&sums)[kRows][kWidth]) {
    const D32 d;
    const hn::Rebind<std::int8_t, D32> narrow;
    const Requantize& q = gemm.requantize;
    const V32 zero = hn::Set(d, q.zero_point), low = hn::Set(d, q.min), high = hn::Set(d, q.max);
    if constexpr (kWidth == 2 && 2 * kLanes == kPanel) {
        if (tile.columns == kPanel) {
            const Rescaling lower(q, tile.column), upper(q, tile.column + kLanes);
            HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
                store_16(q, lower(sums[r][0]), upper(sums[r][1]), tile.out + r * gemm.out_step);
            }
            return;
        }
    }
    HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
        if (v * kLanes >= tile.columns) break;
        const std::size_t left = tile.columns - v * kLanes;
        const Rescaling rescaling(q, tile.column + v * kLanes);
        HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
            const V32 moved = hn::Add(rescaling(sums[r][v]), zero);
            const V32 value = hn::Min(hn::Max(moved, low), high);
            std::int8_t* out = tile.out + r * gemm.out_step + v * kLanes;
            if (left >= kLanes) {
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, out);
            } else {
                std::int8_t lanes[kLanes];
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, lanes);
                std::memcpy(out, lanes, left);
            }
        }
    }
}

template <std::size_t kRows, std::size_t kWidth>
void compute(const GemmI8& gemm, const Tile& tile, const std::int32_t* bias) {
    const D16 d16;
    const D32 d32;
    const D8 d8;
    const Windows& w = gemm.windows;
    V32 sums[kRows][kWidth];
    HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
        HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
            sums[r][v] = hn::LoadU(d32, bias + tile.column + v * kLanes);
        }
    }
    const std::int8_t* HWY_RESTRICT packed = tile.packed;
    for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
        for (std::size_t sx = 0; sx < w.segments_x; ++sx) {
            const std::size_t base = sy * w.segment_step_y + sx * w.segment_step_x;
            for (std::size_t k = 0; k < w.run; k += 2) {
                hn::VFromD<D16> panel[kWidth];
                HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
                    panel[v] = hn::PromoteTo(d16, hn::LoadU(d8, packed + 2 * v * kLanes));
                }
                packed += std::size_t{2} * kPanel;
                HWY_UNROLL(16) for (std::size_t r = 0; r < kRows; ++r) {
                    std::int32_t pair;
                    std::memcpy(&pair, tile.rows[r] + base + k, sizeof pair);
                    const auto left = hn::BitCast(d16, hn::Set(d32, pair));
                    HWY_UNROLL(8) for (std::size_t v = 0; v < kWidth; ++v) {
                        sums[r][v] = multiply_pairs(d16, left, panel[v], sums[r][v]);
                    }
                }
            }
        }
    }
    if (gemm.requantize.factors) {
        store<RescaleReal<D32>, kRows, kWidth>(gemm, tile, sums);
    } else if (gemm.requantize.rounds_once) {
        store<RescaleOnce<D32>, kRows, kWidth>(gemm, tile, sums);
    } else {
        store<RescaleTwice<D32>, kRows, kWidth>(gemm, tile, sums);
    }
}

// The rows of one block against all panels.
class ProductI8 {
public:
    ProductI8(const GemmI8& gemm, const GemmI8Data& data, const RowBlock<std::int16_t>& rows)
        : gemm_(gemm), data_(data), rows_(rows) {}

    void run() const {
        for (std::size_t column = 0; column < gemm_.columns; column += kPanel) {
            const std::size_t left = gemm_.columns - column;
            if (left <= kPanel / 2 && rows_.count >= kNarrowRows) {
                tiles<kNarrowRows, kNarrowVectors>(column);
            } else if (rows_.count >= kTileRows) {
                tiles<kTileRows, kVectors>(column);
            } else {
                few_rows(column);
            }
        }
    }

private:
    template <std::size_t kRows, std::size_t kWidth>
    void tile(std::size_t row, std::size_t column) const {
        const Windows& w = gemm_.windows;
        const std::size_t panel = packed_size_i8(kPanel, w.segments(), w.run);
        compute<kRows, kWidth>(gemm_,
                               {rows_.rows + row, data_.packed + column / kPanel * panel,
                                data_.out + (rows_.first + row) * gemm_.out_step + column, column,
                                std::min<std::size_t>(kPanel, gemm_.columns - column)},
                               data_.bias);
    }

    // Down the rows; the last tile goes over rows of the one before again rather than be smaller.
    template <std::size_t kRows, std::size_t kWidth>
    void tiles(std::size_t column) const {
        std::size_t row = 0;
        for (; row + kRows <= rows_.count; row += kRows) tile<kRows, kWidth>(row, column);
        if (row < rows_.count) tile<kRows, kWidth>(rows_.count - kRows, column);
    }

    void few_rows(std::size_t column) const {
        std::size_t row = 0;
        for (; row + 4 <= rows_.count; row += 4) tile<4, kVectors>(row, column);
        for (; row + 2 <= rows_.count; row += 2) tile<2, kVectors>(row, column);
        for (; row < rows_.count; ++row) tile<1, kVectors>(row, column);
    }

    const GemmI8& gemm_;
    const GemmI8Data& data_;
    const RowBlock<std::int16_t>& rows_;
};

void gemm(const GemmI8& gemm, const GemmI8Data& data) {
    for_row_blocks(gemm.windows, kTileRows, [&](std::size_t first, std::size_t count) {
        ProductI8(gemm, data, RowBlock<std::int16_t>(gemm.windows, data.in, first, count)).run();
    });
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {

HWY_EXPORT(gemm);

std::size_t packed_size_i8(std::size_t columns, std::size_t segments, std::size_t run) {
    const std::size_t panels = (columns + kPanel - 1) / kPanel;
    return panels * segments * ((run + 1) / 2) * 2 * kPanel;
}

void pack_i8(const Weights<std::int8_t>& weights, const Windows& windows, std::int8_t* packed) {
    for (std::size_t first = 0; first < weights.columns; first += kPanel) {
        for (std::size_t segment = 0; segment < windows.segments(); ++segment) {
            for (std::size_t k = 0; k < windows.run; k += 2) {
                for (std::size_t i = 0; i < std::size_t{2} * kPanel; ++i) {
                    const std::size_t column = first + i / 2, at = k + i % 2;
                    const bool inside = column < weights.columns && at < windows.run;
                    const std::size_t depth = segment * windows.run + at;
                    *packed++ =
                        inside
                            ? weights
                                  .data[column * weights.column_step + depth * weights.depth_step]
                            : std::int8_t{0};
                }
            }
        }
    }
}

void gemm_i8(const GemmI8& gemm, const GemmI8Data& data) {
    HWY_DYNAMIC_DISPATCH(gemm)(gemm, data);
}

}  // namespace hf::kernels
#endif
