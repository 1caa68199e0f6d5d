// Padding, depthwise convolution and pooling against obvious loops over pixels.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/fixed_point.h"
#include "kernels/simd/depthwise.h"
#include "kernels/simd/depthwise_f32.h"
#include "kernels/simd/pad.h"
#include "kernels/simd/pool.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Case {
    Padding padding;
    Depthwise depthwise;
    std::vector<std::int8_t> image, weights;

    // The sum of products at one output, of image values less `zero`.
    std::int32_t sum(std::size_t oy, std::size_t ox, std::size_t c, std::int32_t zero) const {
        std::int32_t total = 0;
        const Depthwise& d = depthwise;
        for (std::size_t ky = 0; ky < d.kernel_height; ++ky) {
            for (std::size_t kx = 0; kx < d.kernel_width; ++kx) {
                const std::size_t y = oy * d.stride_y + ky * d.dilation_y - padding.top;
                const std::size_t x = ox * d.stride_x + kx * d.dilation_x - padding.left;
                if (y >= padding.height || x >= padding.width) continue;
                total += (image[(y * padding.width + x) * d.channels + c] - zero) *
                         weights[(ky * d.kernel_width + kx) * d.channels + c];
            }
        }
        return total;
    }
};

Case random_case(Rng& rng) {
    Case made;
    Padding& p = made.padding;
    Depthwise& d = made.depthwise;
    p = {3 + rng.below(8), 3 + rng.below(12), 1 + rng.below(40), rng.below(3),
         rng.below(3),     rng.below(3),      rng.below(3)};
    p.padded_channels = (p.channels + 15) / 16 * 16;
    d.channels = p.channels;
    d.padded_channels = p.padded_channels;
    d.in_row = p.padded_width() * p.padded_channels;
    d.kernel_height = 1 + rng.below(3);
    d.kernel_width = 1 + rng.below(p.padded_width() < 6 ? 3 : 6);
    d.stride_y = 1 + rng.below(2);
    d.stride_x = 1 + rng.below(2);
    d.dilation_y = d.kernel_height == 2 ? 2 : 1;
    d.out_height = (p.padded_height() - (d.kernel_height - 1) * d.dilation_y - 1) / d.stride_y + 1;
    d.out_width = (p.padded_width() - d.kernel_width) / d.stride_x + 1;
    made.image.resize(p.height * p.width * p.channels);
    made.weights.resize(d.kernel_height * d.kernel_width * d.channels);
    for (std::int8_t& value : made.image) value = static_cast<std::int8_t>(rng.next());
    for (std::int8_t& value : made.weights) value = static_cast<std::int8_t>(rng.next());
    return made;
}

TEST(Depthwise, Int8EqualsTheFixedPointArithmeticToTheBit) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200; ++round) {
        const Case made = random_case(rng);
        const Depthwise& d = made.depthwise;
        const auto zero = static_cast<std::int32_t>(rng.below(256)) - 128;
        std::vector<std::int16_t> padded(made.padding.padded_size());
        pad_left_i8(made.padding, {0, made.padding.padded_height()}, {made.image.data(), zero},
                    padded.data());
        const std::size_t taps = d.kernel_height * d.kernel_width;
        std::vector<std::int8_t> packed(packed_size_depthwise_i8(taps, d.padded_channels));
        pack_depthwise_i8(d, made.weights.data(), packed.data());
        std::vector<std::int32_t> bias(d.padded_channels, 5), multipliers(d.padded_channels);
        std::vector<std::int32_t> left(d.padded_channels), right(d.padded_channels);
        std::vector<FixedFactor> factors(d.channels);
        for (std::size_t c = 0; c < d.channels; ++c) {
            factors[c] = fixed_factor(rng.uniform() / 64);
            multipliers[c] = factors[c].multiplier;
            right[c] = -factors[c].shift;
        }
        std::vector<std::int32_t> weight_sums(d.padded_channels);
        for (std::size_t i = 0; i < made.weights.size(); ++i) {
            weight_sums[i % d.channels] += made.weights[i];
        }
        std::vector<std::int8_t> out(d.out_height * d.out_width * d.channels);
        depthwise_i8(d, {padded.data(),
                         packed.data(),
                         bias.data(),
                         weight_sums.data(),
                         {multipliers.data(), left.data(), right.data(), -3, -100, 127},
                         zero,
                         out.data()});
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::size_t c = i % d.channels, x = i / d.channels % d.out_width;
            const std::size_t y = i / d.channels / d.out_width;
            const std::int32_t scaled = scale_by(made.sum(y, x, c, zero) + 5, factors[c]);
            ASSERT_EQ(int{out[i]}, std::clamp(scaled - 3, -100, 127)) << "round " << round;
        }
    }
}

DepthwiseF32 as_f32(const Case& made) {
    const Depthwise& d = made.depthwise;
    const Padding& p = made.padding;
    return {
        p.height,        p.width,        d.channels, d.padded_channels, d.out_height, d.out_width,
        d.kernel_height, d.kernel_width, d.stride_y, d.stride_x,        d.dilation_y, d.dilation_x,
        p.top,           p.left,         0,          kInfinity};
}

// Rows come a few at a time, each time from only the input rows that they need.
TEST(Depthwise, F32EqualsTheObviousLoopsHoweverItIsCut) {
    Rng rng(testing::seed());
    for (int round = 0; round < 300; ++round) {
        const Case made = random_case(rng);
        const Depthwise& d = made.depthwise;
        std::vector<float> packed(d.kernel_height * d.kernel_width * d.padded_channels);
        for (std::size_t i = 0; i < made.weights.size(); ++i) {
            packed[i / d.channels * d.padded_channels + i % d.channels] = made.weights[i];
        }
        const std::vector<float> bias(d.padded_channels, 5);
        const DepthwiseF32 shape = as_f32(made);
        const std::size_t row_size = d.out_width * d.channels;
        std::vector<float> out(d.out_height * row_size);
        for (std::size_t row = 0; row < d.out_height;) {
            const std::size_t count = std::min(1 + rng.below(4), d.out_height - row);
            const TapRange rows = shape.rows_for(row, count);
            const std::size_t in_row = made.padding.width * d.channels;
            const std::vector<float> strip(
                made.image.begin() + static_cast<std::ptrdiff_t>(rows.first * in_row),
                made.image.begin() + static_cast<std::ptrdiff_t>(rows.end * in_row));
            depthwise_f32(
                shape,
                {strip.data(), rows.first, packed.data(), bias.data(), out.data() + row * row_size},
                row, count);
            row += count;
        }
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::size_t c = i % d.channels, x = i / d.channels % d.out_width;
            const std::int32_t sum = made.sum(i / d.channels / d.out_width, x, c, 0);
            // Whole numbers this small are exact in fp32.
            ASSERT_EQ(out[i], static_cast<float>(std::max(0, sum + 5))) << "round " << round;
        }
    }
}

TEST(Pool, MaximumAndAverageEqualTheObviousLoops) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200; ++round) {
        Pool p;
        p.height = 3 + rng.below(6);
        p.width = 3 + rng.below(6);
        p.channels = 1 + rng.below(20);
        p.kernel_height = 2 + rng.below(2);
        p.kernel_width = 2 + rng.below(2);
        p.stride_y = 1 + rng.below(2);
        p.top = rng.below(2);
        p.left = rng.below(2);
        p.count_padding = rng.chance(1, 2);
        p.out_height = (p.height + p.top - p.kernel_height) / p.stride_y + 1;
        p.out_width = p.width + p.left - p.kernel_width + 1;
        p.low = -128;
        p.high = 100;
        std::vector<std::int8_t> image(p.height * p.width * p.channels);
        for (std::int8_t& value : image) value = static_cast<std::int8_t>(rng.next());
        const std::vector<float> real(image.begin(), image.end());
        const std::size_t count = p.out_height * p.out_width * p.channels;
        std::vector<std::int8_t> max8(count), mean8(count);
        std::vector<float> max32(count), mean32(count);
        max_pool_i8(p, image.data(), max8.data());
        average_pool_i8(p, image.data(), mean8.data());
        max_pool_f32(p, real.data(), max32.data());
        average_pool_f32(p, real.data(), mean32.data());
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t c = i % p.channels, ox = i / p.channels % p.out_width;
            const std::size_t oy = i / p.channels / p.out_width;
            int largest = -128, sum = 0, taps = 0;
            for (std::size_t k = 0; k < p.kernel_height * p.kernel_width; ++k) {
                const std::size_t y = oy * p.stride_y + k / p.kernel_width - p.top;
                const std::size_t x = ox + k % p.kernel_width - p.left;
                if (y >= p.height || x >= p.width) continue;
                const int value = image[(y * p.width + x) * p.channels + c];
                largest = std::max(largest, value);
                sum += value;
                ++taps;
            }
            const int rounded = (sum > 0 ? sum + taps / 2 : sum - taps / 2) / taps;
            const auto area = static_cast<int>(p.kernel_height * p.kernel_width);
            const float mean =
                static_cast<float>(sum) / static_cast<float>(p.count_padding ? area : taps);
            ASSERT_EQ(int{max8[i]}, std::min(largest, 100));
            ASSERT_EQ(int{mean8[i]}, std::min(rounded, 100));
            ASSERT_EQ(max32[i], static_cast<float>(std::min(largest, 100)));
            ASSERT_EQ(mean32[i], std::min(mean, 100.0f));
        }
    }
}

}  // namespace
}  // namespace hf::kernels
