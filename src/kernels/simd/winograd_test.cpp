// Winograd's convolution against the plain sum in double precision.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/simd/winograd_f32.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

WinogradF32 random_shape(Rng& rng) {
    WinogradF32 s;
    s.height = 1 + rng.below(14);
    s.width = 1 + rng.below(14);
    s.top = rng.below(3);
    s.left = rng.below(3);
    const std::size_t bottom = rng.below(3), right = rng.below(3);
    s.height = std::max(s.height, 3 - std::min<std::size_t>(3, s.top + bottom));
    s.width = std::max(s.width, 3 - std::min<std::size_t>(3, s.left + right));
    s.out_height = s.top + s.height + bottom - 2;
    s.out_width = s.left + s.width + right - 2;
    s.channels = kPanel * (1 + rng.below(3));
    s.columns = kPanel * (1 + rng.below(3));
    s.min = rng.chance(1, 2) ? 0 : -kInfinity;
    s.max = rng.chance(1, 2) ? 0.5F : kInfinity;
    s.block = 1 + rng.below(s.tiles() + 2);
    return s;
}

std::vector<float> random_values(Rng& rng, std::size_t count) {
    std::vector<float> values(count);
    for (float& value : values) value = static_cast<float>(rng.uniform() * 2 - 1);
    return values;
}

// The plain sum for output element `i`, without bias.
double plain(const WinogradF32& s, const std::vector<float>& image,
             const std::vector<float>& weights, std::size_t i) {
    const std::size_t column = i % s.columns;
    const std::size_t oy = i / s.columns / s.out_width, ox = i / s.columns % s.out_width;
    double sum = 0;
    for (std::size_t tap = 0; tap < 9; ++tap) {
        const std::size_t y = oy + tap / 3 - s.top, x = ox + tap % 3 - s.left;
        if (y >= s.height || x >= s.width) continue;
        for (std::size_t c = 0; c < s.channels; ++c) {
            sum += double{image[(y * s.width + x) * s.channels + c]} *
                   double{weights[(column * 9 + tap) * s.channels + c]};
        }
    }
    return sum;
}

TEST(WinogradF32, EqualsThePlainSumWithinRounding) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        const WinogradF32 s = random_shape(rng);
        const std::size_t out_size = s.out_height * s.out_width * s.columns;
        const std::vector<float> image = random_values(rng, s.height * s.width * s.channels);
        const std::vector<float> weights = random_values(rng, 9 * s.channels * s.columns);
        const std::vector<float> bias = random_values(rng, s.columns);
        const std::vector<float> residual = random_values(rng, out_size);
        const bool biased = rng.chance(1, 2), residuals = rng.chance(1, 2);
        std::vector<float> packed(s.packed_size()), out(out_size, 77);
        std::vector<float> scratch(s.scratch_size(), std::nanf(""));
        pack_winograd_f32(s, weights.data(), packed.data());
        for (std::size_t block = 0; block < s.blocks(); ++block) {
            winograd_f32(s,
                         {image.data(), packed.data(), biased ? bias.data() : nullptr,
                          residuals ? residual.data() : nullptr, scratch.data(), out.data()},
                         block);
        }
        for (std::size_t i = 0; i < out_size; ++i) {
            double want = plain(s, image, weights, i);
            if (biased) want += double{bias[i % s.columns]};
            if (residuals) want += double{residual[i]};
            want = std::clamp(want, double{s.min}, double{s.max});
            ASSERT_NEAR(out[i], want, 2e-4) << "round " << round << " element " << i;
        }
    }
}

TEST(WinogradF32, AResultHasTheSameBitsHoweverManyTilesGoTogether) {
    Rng rng(testing::seed());
    WinogradF32 s;
    s.height = s.width = s.out_height = s.out_width = 19;
    s.top = s.left = 1;
    s.channels = s.columns = 32;
    s.min = -kInfinity;
    s.max = kInfinity;
    const std::vector<float> image = random_values(rng, s.height * s.width * s.channels);
    const std::vector<float> weights = random_values(rng, 9 * s.channels * s.columns);
    std::vector<float> packed(s.packed_size());
    pack_winograd_f32(s, weights.data(), packed.data());
    std::vector<float> first;
    for (s.block = 1; s.block <= s.tiles(); ++s.block) {
        std::vector<float> scratch(s.scratch_size()), out(s.out_height * s.out_width * s.columns);
        for (std::size_t block = 0; block < s.blocks(); ++block) {
            winograd_f32(
                s, {image.data(), packed.data(), nullptr, nullptr, scratch.data(), out.data()},
                block);
        }
        if (first.empty()) first = out;
        ASSERT_EQ(out, first) << "blocks of " << s.block;
    }
}

TEST(WinogradF32, BlocksCoverTheTilesWithLittleWaste) {
    EXPECT_EQ(winograd_block(1), 1U);
    EXPECT_EQ(winograd_block(0), 1U);
    for (std::size_t tiles = 1; tiles < 400; ++tiles) {
        EXPECT_GE(winograd_block(tiles), 1U);
        EXPECT_LE(winograd_block(tiles), std::min<std::size_t>(tiles, 36));
    }
}

}  // namespace
}  // namespace hf::kernels
