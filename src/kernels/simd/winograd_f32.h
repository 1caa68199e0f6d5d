// Convolution of one image in NHWC with 3x3 windows at stride 1 by Winograd's F(4x4, 3x3): 36
// multiplications for 16 results instead of 144. Tiles of 6x6 inputs and the weights are
// transformed at the points 0, 1, -1, 2, -2 and infinity, multiplied element by element over the
// channels, and transformed back (A. Lavin and S. Gray, Fast Algorithms for Convolutional Neural
// Networks, 2016).
// Sums are rounded otherwise than those of a plain convolution, by some 1e-6 of their size; a
// result has the same bits in every image, whatever lies around its tile.
//
// Blocks of tiles go through the three phases together, so that what lies between stays in a cache.
//
// No allocation, no failure: callers have checked every size. Thread-safe.

#pragma once

#include <cstddef>

#include "kernels/simd/targets.h"
#include "kernels/simd/windows.h"

namespace hf::kernels {

struct WinogradF32 {
    std::size_t height = 0, width = 0;          // of the input
    std::size_t out_height = 0, out_width = 0;  // at most 2 more than fit without borders
    std::size_t top = 0, left = 0;              // borders of zeros
    std::size_t channels = 0, columns = 0;      // multiples of kPanel
    float min = 0, max = 0;
    std::size_t block = 1;  // tiles at a time

    static constexpr std::size_t kTile = 4;     // results a side
    static constexpr std::size_t kPoints = 36;  // elements of a transformed tile

    std::size_t tiles_y() const { return (out_height + kTile - 1) / kTile; }
    std::size_t tiles_x() const { return (out_width + kTile - 1) / kTile; }
    std::size_t tiles() const { return tiles_y() * tiles_x(); }

    std::size_t blocks() const { return (tiles() + block - 1) / block; }

    std::size_t packed_size() const { return kPoints * channels * columns; }             // elements
    std::size_t scratch_size() const { return kPoints * block * (channels + columns); }  // elements
};

// The number of tiles at a time that wastes least of a product's tiles (row_blocks.h).
std::size_t winograd_block(std::size_t tiles);

struct WinogradF32Data {
    const float* in = nullptr;
    const float* packed = nullptr;    // from pack_winograd_f32
    const float* bias = nullptr;      // `columns` entries, or null
    const float* residual = nullptr;  // added before clamping, as large as the result; or null
    float* scratch = nullptr;         // scratch_size()
    float* out = nullptr;
};

// `weights` is [columns][3][3][channels]. REQUIRES: packed_size() elements at `packed`.
void pack_winograd_f32(const WinogradF32& conv, const float* weights, float* packed);

// One of the blocks(); each writes results of its own.
void winograd_f32(const WinogradF32& conv, const WinogradF32Data& data, std::size_t block);

}  // namespace hf::kernels
