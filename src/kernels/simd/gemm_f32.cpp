#include "kernels/simd/gemm_f32.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/gemm_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kVectors = kPanel / kLanes;

// Rows to work on while a panel of weights stays in the first-level cache.
constexpr std::size_t kRowBlock = 48;

struct Tile {
    const float* rows[6];  // where the left rows start
    const float* packed;   // the panel
    float* out;            // the first row's first column
    const float* residual;
    const float* bias;    // of this panel, or null
    std::size_t columns;  // of this panel: kPanel or fewer
};

template <std::size_t kRows, std::size_t kChains>
HWY_INLINE void store(const GemmF32& gemm, const Tile& tile, V (&sums)[kRows][kChains][kVectors]) {
    const D d;
    const V low = hn::Set(d, gemm.min), high = hn::Set(d, gemm.max);
    HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
        HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
            V sum = sums[r][0][v];
            HWY_UNROLL(8) for (std::size_t c = 1; c < kChains; ++c) {
                sum = hn::Add(sum, sums[r][c][v]);
            }
            if (tile.bias) sum = hn::Add(sum, hn::LoadU(d, tile.bias + v * kLanes));
            const std::size_t at = r * gemm.out_step + v * kLanes;
            const std::size_t from = v * kLanes;
            if (tile.columns == kPanel) {
                if (tile.residual) sum = hn::Add(sum, hn::LoadU(d, tile.residual + at));
                hn::StoreU(hn::Min(high, hn::Max(low, sum)), d, tile.out + at);
            } else if (from < tile.columns) {
                const std::size_t left = std::min(tile.columns - from, kLanes);
                float lanes[kLanes] = {};
                if (tile.residual) {
                    std::memcpy(lanes, tile.residual + at, left * sizeof(float));
                    sum = hn::Add(sum, hn::LoadU(d, lanes));
                }
                hn::StoreU(hn::Min(high, hn::Max(low, sum)), d, lanes);
                std::memcpy(tile.out + at, lanes, left * sizeof(float));
            }
        }
    }
}

// kChains independent sums a row hide the latency of the additions when there are few rows.
template <std::size_t kRows, std::size_t kChains>
void compute(const GemmF32& gemm, const Tile& tile) {
    const D d;
    const Windows& w = gemm.windows;
    V sums[kRows][kChains][kVectors];
    HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
        HWY_UNROLL(8) for (std::size_t c = 0; c < kChains; ++c) {
            HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) sums[r][c][v] = hn::Zero(d);
        }
    }
    const float* HWY_RESTRICT packed = tile.packed;
    for (std::size_t sy = 0; sy < w.segments_y; ++sy) {
        for (std::size_t sx = 0; sx < w.segments_x; ++sx) {
            const std::size_t base = sy * w.segment_step_y + sx * w.segment_step_x;
            std::size_t k = 0;
            for (; k + kChains <= w.run; k += kChains) {
                HWY_UNROLL(8) for (std::size_t c = 0; c < kChains; ++c) {
                    V panel[kVectors];
                    HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                        panel[v] = hn::LoadU(d, packed + v * kLanes);
                    }
                    packed += kPanel;
                    HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
                        const V left = hn::Set(d, tile.rows[r][base + k + c]);
                        HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                            sums[r][c][v] = hn::MulAdd(left, panel[v], sums[r][c][v]);
                        }
                    }
                }
            }
            for (; k < w.run; ++k) {
                HWY_UNROLL(8) for (std::size_t v = 0; v < kVectors; ++v) {
                    const V panel = hn::LoadU(d, packed + v * kLanes);
                    HWY_UNROLL(8) for (std::size_t r = 0; r < kRows; ++r) {
                        const V left = hn::Set(d, tile.rows[r][base + k]);
                        sums[r][0][v] = hn::MulAdd(left, panel, sums[r][0][v]);
                    }
                }
                packed += kPanel;
            }
        }
    }
    store<kRows, kChains>(gemm, tile, sums);
}

// Rows first to first + count against all panels.
void rows_against_panels(const GemmF32& gemm, const GemmF32Data& data, std::size_t first,
                         std::size_t count) {
    const Windows& w = gemm.windows;
    const std::size_t depth = w.depth();
    for (std::size_t column = 0; column < gemm.columns; column += kPanel) {
        Tile tile;
        tile.packed = data.packed + column * depth;
        tile.bias = data.bias ? data.bias + column : nullptr;
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
            tile.residual = data.residual ? data.residual + row * gemm.out_step + column : nullptr;
            switch (rows) {
                case 6: compute<6, 1>(gemm, tile); break;
                case 4: compute<4, 1>(gemm, tile); break;
                case 2: compute<2, 2>(gemm, tile); break;
                default: compute<1, 4>(gemm, tile); break;
            }
            row += rows;
        }
    }
}

void gemm(const GemmF32& gemm, const GemmF32Data& data) {
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

void pack_f32(const Weights<float>& weights, std::size_t depth, float* packed) {
    for (std::size_t first = 0; first < weights.columns; first += kPanel) {
        for (std::size_t k = 0; k < depth; ++k) {
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
