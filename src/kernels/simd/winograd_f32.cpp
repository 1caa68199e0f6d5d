#include "kernels/simd/winograd_f32.h"

#include <algorithm>
#include <limits>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/simd/winograd_f32.cpp"
#include <hwy/foreach_target.h>

#include <hwy/highway.h>

#include "kernels/simd/clamp-inl.h"

#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/row_blocks.h"

HWY_BEFORE_NAMESPACE();
namespace hf::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kPanel>;
using V = hn::VFromD<D>;
constexpr std::size_t kLanes = hn::MaxLanes(D());
constexpr std::size_t kIn = 6, kOut = WinogradF32::kTile;  // sides of tiles

// The transform of six inputs, B^T of the paper.
HWY_INLINE void transform_in(const V (&d)[kIn], V (&t)[kIn]) {
    const D f;
    const V two = hn::Set(f, 2), four = hn::Set(f, 4), five = hn::Set(f, 5);
    const V even = hn::NegMulAdd(four, d[2], d[4]);  // d4 - 4 d2
    const V odd = hn::NegMulAdd(four, d[1], d[3]);   // d3 - 4 d1
    const V even2 = hn::Sub(d[4], d[2]);
    const V odd2 = hn::Mul(two, hn::Sub(d[3], d[1]));
    t[0] = hn::MulAdd(four, d[0], hn::NegMulAdd(five, d[2], d[4]));
    t[1] = hn::Add(even, odd);
    t[2] = hn::Sub(even, odd);
    t[3] = hn::Add(even2, odd2);
    t[4] = hn::Sub(even2, odd2);
    t[5] = hn::MulAdd(four, d[1], hn::NegMulAdd(five, d[3], d[5]));
}

// The four results of six products, A^T of the paper.
HWY_INLINE void transform_out(const V (&m)[kIn], V (&y)[kOut]) {
    const D f;
    const V sum1 = hn::Add(m[1], m[2]), difference1 = hn::Sub(m[1], m[2]);
    const V sum2 = hn::Add(m[3], m[4]), difference2 = hn::Sub(m[3], m[4]);
    y[0] = hn::Add(hn::Add(m[0], sum1), sum2);
    y[1] = hn::MulAdd(hn::Set(f, 2), difference2, difference1);
    y[2] = hn::MulAdd(hn::Set(f, 4), sum2, sum1);
    y[3] = hn::Add(hn::MulAdd(hn::Set(f, 8), difference2, difference1), m[5]);
}

// The 6x6 inputs under one tile, where rows [y0, y1) and columns [x0, x1) lie within the image.
struct Inside {
    const float* first;  // of the tile, which may lie outside the image
    std::size_t row;     // elements from a row of the image to the next
    std::size_t y0, y1, x0, x1;
};

// One vector of channels of one tile; `out` has `point` elements from a point to the next.
template <bool kWhole>
HWY_INLINE void tile_in(const WinogradF32& s, const Inside& inside, float* out, std::size_t point) {
    const D f;
    alignas(64) static constexpr float kZeros[kLanes] = {};
    V rows[kIn][kIn];  // by column, then row
    for (std::size_t x = 0; x < kIn; ++x) {
        V column[kIn];
        const bool within = x >= inside.x0 && x < inside.x1;
        HWY_UNROLL(6) for (std::size_t y = 0; y < kIn; ++y) {
            const float* at = inside.first + y * inside.row + x * s.channels;
            if (!kWhole && !(within && y >= inside.y0 && y < inside.y1)) at = kZeros;
            column[y] = hn::LoadU(f, at);
        }
        transform_in(column, rows[x]);
    }
    for (std::size_t y = 0; y < kIn; ++y) {
        V row[kIn], t[kIn];
        HWY_UNROLL(6) for (std::size_t x = 0; x < kIn; ++x) row[x] = rows[x][y];
        transform_in(row, t);
        HWY_UNROLL(6) for (std::size_t x = 0; x < kIn; ++x) {
            hn::StoreU(t[x], f, out + (y * kIn + x) * point);
        }
    }
}

// Where one tile's results go.
struct Target {
    const float* bias;
    const float* residual;
    float* out;
    std::size_t height, width;  // of what lies within the image
};

HWY_INLINE void tile_out(const WinogradF32& s, const float* in, std::size_t point,
                         const Target& to) {
    const D f;
    V rows[kIn][kOut];
    for (std::size_t x = 0; x < kIn; ++x) {
        V column[kIn];
        HWY_UNROLL(6) for (std::size_t y = 0; y < kIn; ++y) {
            column[y] = hn::LoadU(f, in + (y * kIn + x) * point);
        }
        transform_out(column, rows[x]);
    }
    const V bias = to.bias ? hn::LoadU(f, to.bias) : hn::Zero(f);
    const V low = hn::Set(f, s.min), high = hn::Set(f, s.max);
    for (std::size_t y = 0; y < to.height; ++y) {
        V row[kIn], result[kOut];
        HWY_UNROLL(6) for (std::size_t x = 0; x < kIn; ++x) row[x] = rows[x][y];
        transform_out(row, result);
        HWY_UNROLL(4) for (std::size_t x = 0; x < kOut; ++x) {
            if (x >= to.width) break;
            const std::size_t at = (y * s.out_width + x) * s.columns;
            V value = hn::Add(result[x], bias);
            if (to.residual) value = hn::Add(value, hn::LoadU(f, to.residual + at));
            hn::StoreU(clamp(value, low, high), f, to.out + at);
        }
    }
}

// Tile `tile` of the image, its transformed channels from `out` on.
void transform_tile(const WinogradF32& s, const float* image, std::size_t tile, float* out) {
    const std::size_t y = tile / s.tiles_x() * kOut, x = tile % s.tiles_x() * kOut;
    const auto first = [](std::size_t border, std::size_t at) {
        return std::min(kIn, border - std::min(border, at));
    };
    const auto last = [](std::size_t border, std::size_t at, std::size_t size) {
        return std::min(kIn, border + size - std::min(border + size, at));
    };
    Inside inside;
    inside.row = s.width * s.channels;
    inside.y0 = first(s.top, y);
    inside.y1 = last(s.top, y, s.height);
    inside.x0 = first(s.left, x);
    inside.x1 = last(s.left, x, s.width);
    // It may lie outside the image; only addresses within are read.
    const auto step = [](std::size_t at, std::size_t border, std::size_t elements) {
        return (static_cast<std::ptrdiff_t>(at) - static_cast<std::ptrdiff_t>(border)) *
               static_cast<std::ptrdiff_t>(elements);
    };
    inside.first = image + (step(y, s.top, inside.row) + step(x, s.left, s.channels));
    const bool whole = inside.y0 == 0 && inside.y1 == kIn && inside.x0 == 0 && inside.x1 == kIn;
    for (std::size_t c = 0; c < s.channels; c += kLanes, inside.first += kLanes) {
        if (whole) {
            tile_in<true>(s, inside, out + c, s.block * s.channels);
        } else {
            tile_in<false>(s, inside, out + c, s.block * s.channels);
        }
    }
}

void finish_tile(const WinogradF32& s, const WinogradF32Data& data, std::size_t tile,
                 const float* in) {
    const std::size_t y = tile / s.tiles_x() * kOut, x = tile % s.tiles_x() * kOut;
    const std::size_t at = (y * s.out_width + x) * s.columns;
    for (std::size_t c = 0; c < s.columns; c += kLanes) {
        tile_out(
            s, in + c, s.block * s.columns,
            {data.bias ? data.bias + c : nullptr, data.residual ? data.residual + at + c : nullptr,
             data.out + at + c, std::min(kOut, s.out_height - y), std::min(kOut, s.out_width - x)});
    }
}

void run(const WinogradF32& s, const WinogradF32Data& data, std::size_t block) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    float* in = data.scratch;
    float* out = in + WinogradF32::kPoints * s.block * s.channels;
    const std::size_t first = block * s.block, count = std::min(s.block, s.tiles() - first);
    for (std::size_t i = 0; i < count; ++i) {
        transform_tile(s, data.in, first + i, in + i * s.channels);
    }
    const GemmF32 product{Windows::matrix(count, s.channels), s.columns, s.columns, -kInfinity,
                          kInfinity};
    for (std::size_t p = 0; p < WinogradF32::kPoints; ++p) {
        gemm_f32(product, {in + p * s.block * s.channels, data.packed + p * s.channels * s.columns,
                           nullptr, nullptr, out + p * s.block * s.columns});
    }
    for (std::size_t i = 0; i < count; ++i) finish_tile(s, data, first + i, out + i * s.columns);
}

}  // namespace HWY_NAMESPACE
}  // namespace hf::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace hf::kernels {
namespace {

HWY_EXPORT(run);

// G of the paper.
constexpr double kWeights[6][3] = {{1.0 / 4, 0, 0},
                                   {-1.0 / 6, -1.0 / 6, -1.0 / 6},
                                   {-1.0 / 6, 1.0 / 6, -1.0 / 6},
                                   {1.0 / 24, 1.0 / 12, 1.0 / 6},
                                   {1.0 / 24, -1.0 / 12, 1.0 / 6},
                                   {0, 0, 1}};

// The 3x3 weights of one channel, `step` elements apart.
void transform_weights(const float* weights, std::size_t step, float (&points)[36]) {
    for (std::size_t y = 0; y < 6; ++y) {
        double row[3] = {};
        for (std::size_t k = 0; k < 9; ++k) {
            row[k % 3] += kWeights[y][k / 3] * double{weights[k * step]};
        }
        for (std::size_t x = 0; x < 6; ++x) {
            points[y * 6 + x] = static_cast<float>(
                kWeights[x][0] * row[0] + kWeights[x][1] * row[1] + kWeights[x][2] * row[2]);
        }
    }
}

}  // namespace

void pack_winograd_f32(const WinogradF32& conv, const float* weights, float* packed) {
    const std::size_t size = conv.channels * conv.columns;
    std::vector<float> transformed(WinogradF32::kPoints * size);  // [point][column][channel]
    for (std::size_t column = 0; column < conv.columns; ++column) {
        for (std::size_t channel = 0; channel < conv.channels; ++channel) {
            float points[WinogradF32::kPoints];
            transform_weights(weights + column * 9 * conv.channels + channel, conv.channels,
                              points);
            for (std::size_t p = 0; p < WinogradF32::kPoints; ++p) {
                transformed[p * size + column * conv.channels + channel] = points[p];
            }
        }
    }
    for (std::size_t p = 0; p < WinogradF32::kPoints; ++p) {
        pack_f32({transformed.data() + p * size, conv.columns, conv.channels, 1}, conv.channels,
                 packed + p * size);
    }
}

std::size_t winograd_block(std::size_t tiles) {
    constexpr std::size_t kMost = 36, kRows = 12, kBlockCost = 6;  // in rows of a product
    const auto cost = [](std::size_t rows) {
        std::size_t computed = 0;
        if (rows < kRows) return rows;
        for_tiles<kRows>(rows, [&](auto height, std::size_t) { computed += height(); });
        return computed;
    };
    std::size_t best = 1, best_cost = std::numeric_limits<std::size_t>::max();
    for (std::size_t block = 1; block <= std::min(tiles, kMost); ++block) {
        const std::size_t whole = tiles / block, rest = tiles % block;
        const std::size_t total =
            whole * (cost(block) + kBlockCost) + (rest > 0 ? cost(rest) + kBlockCost : 0);
        if (total <= best_cost) {
            best = block;
            best_cost = total;
        }
    }
    return best;
}

void winograd_f32(const WinogradF32& conv, const WinogradF32Data& data, std::size_t block) {
    HWY_DYNAMIC_DISPATCH(run)(conv, data, block);
}

}  // namespace hf::kernels
#endif
