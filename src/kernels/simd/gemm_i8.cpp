#include "kernels/simd/gemm_i8.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_i8.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/requantize-inl.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D16 = hn::CappedTag<std::int16_t, kPanel>;
using D32 = hn::RepartitionToWide<D16>;
using D8 = hn::Rebind<std::int8_t, D16>;
using V32 = hn::VFromD<D32>;
constexpr std::size_t kLanes = hn::MaxLanes(D32());
constexpr std::size_t kVectors = kPanel / kLanes;
constexpr std::size_t kRowBlock = 48;

struct Tile {
    const std::int16_t* rows[6];
    const std::int8_t* packed;
    std::int8_t* out;
    std::size_t column;   // the panel's first
    std::size_t columns;  // of this panel
};

template <std::size_t kRows>
HWY_INLINE void store(const GemmI8& gemm, const Tile& tile, V32 (&sums)[kRows][kVectors]) {
    const D32 d;
    const Requantize& q = gemm.requantize;
    const V32 zero = hn::Set(d, q.zero_point), low = hn::Set(d, q.min), high = hn::Set(d, q.max);
    HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
        const std::size_t at = tile.column + v * kLanes;
        const Factor<V32> factor{hn::LoadU(d, q.multipliers + at), hn::LoadU(d, q.left_shifts + at),
                                 hn::LoadU(d, q.right_shifts + at)};
        HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
            V32 value = q.rounds_once ? multiply_quantized_once(d, sums[r][v], factor)
                                      : multiply_quantized(d, sums[r][v], factor);
            value = hn::Min(hn::Max(hn::Add(value, zero), low), high);
            const hn::Rebind<std::int8_t, D32> narrow;
            std::int8_t* out = tile.out + r * gemm.out_step + v * kLanes;
            if (tile.columns == kPanel) {
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, out);
            } else if (v * kLanes < tile.columns) {
                std::int8_t lanes[kLanes];
                hn::StoreU(hn::DemoteTo(narrow, value), narrow, lanes);
                std::memcpy(out, lanes, std::min(tile.columns - v * kLanes, kLanes));
            }
        }
    }
}

template <std::size_t kRows>
void compute(const GemmI8& gemm, const Tile& tile, const std::int32_t* bias) {
    const D16 d16;
    const D32 d32;
    const D8 d8;
    const Windows& w = gemm.windows;
    V32 sums[kRows][kVectors];
    HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
        HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
            sums[r][v] = hn::LoadU(d32, bias + tile.column + v * kLanes);
        }
    }
    const std::int8_t* HWY_RESTRICT packed = tile.packed;
    for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
        for (std::size_t sx = 0; sx < w.segments_x; ++sx) {
            const std::size_t base = sy * w.segment_step_y + sx * w.segment_step_x;
            for (std::size_t k = 0; k < w.run; k += 2) {
                hn::VFromD<D16> panel[kVectors];
                HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                    panel[v] = hn::PromoteTo(d16, hn::LoadU(d8, packed + 2 * v * kLanes));
                }
                packed += std::size_t{2} * kPanel;
                HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
                    std::int32_t pair;
                    std::memcpy(&pair, tile.rows[r] + base + k, sizeof pair);
                    const auto left = hn::BitCast(d16, hn::Set(d32, pair));
                    HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                        sums[r][v] = multiply_pairs(d16, left, panel[v], sums[r][v]);
                    }
                }
            }
        }
    }
    store<kRows>(gemm, tile, sums);
}

void rows_against_panels(const GemmI8& gemm, const GemmI8Data& data, std::size_t first,
                         std::size_t count) {
    const Windows& w = gemm.windows;
    const std::size_t panel_size = packed_size_i8(kPanel, w.segments(), w.run);
    for (std::size_t column = 0; column < gemm.columns; column += kPanel) {
        Tile tile;
        tile.packed = data.packed + column / kPanel * panel_size;
        tile.column = column;
        tile.columns = std::min<std::size_t>(kPanel, gemm.columns - column);
        std::size_t row = first;
        while (row < first + count) {
            const std::size_t left = first + count - row;
            const std::size_t rows = left >= 6 ? 6 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
            for (std::size_t r = 0; r < rows; ++r) {
                const std::size_t y = (row + r) / w.rows_x, x = (row + r) % w.rows_x;
                tile.rows[r] = data.in + y * w.step_y + x * w.step_x;
            }
            tile.out = data.out + row * gemm.out_step + column;
            switch (rows) {
                case 6: compute<6>(gemm, tile, data.bias); break;
                case 4: compute<4>(gemm, tile, data.bias); break;
                case 2: compute<2>(gemm, tile, data.bias); break;
                default: compute<1>(gemm, tile, data.bias); break;
            }
            row += rows;
        }
    }
}

void gemm(const GemmI8& gemm, const GemmI8Data& data) {
    const std::size_t rows = gemm.windows.rows();
    for (std::size_t first = 0; first < rows; first += kRowBlock) {
        rows_against_panels(gemm, data, first, std::min(kRowBlock, rows - first));
    }
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
