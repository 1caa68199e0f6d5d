// Every int8 kernel gives the same bytes on every instruction set that this processor has, over
// shapes with and without rests. What lies around the output counts too: nobody may touch it.

#include "kernels/simd/dispatch.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/fixed_point.h"
#include "kernels/simd/depthwise.h"
#include "kernels/simd/gemm_i8.h"
#include "kernels/simd/pad.h"
#include "kernels/simd/pool.h"
#include "kernels/simd/quantized.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

constexpr int kRounds = 100;

// The best set is back when the test ends, however it ends.
struct RestoredSet {
    ~RestoredSet() { use_instruction_set(""); }
};

// Memory for `count` elements with some of it on either side.
template <typename T>
class Fenced final {
public:
    explicit Fenced(std::size_t count) : all_(count + 2 * kFence, T{77}) {}

    T* data() { return all_.data() + kFence; }
    std::vector<std::uint8_t> bytes() const {
        std::vector<std::uint8_t> bytes(all_.size() * sizeof(T));
        std::memcpy(bytes.data(), all_.data(), bytes.size());
        return bytes;
    }

private:
    static constexpr std::size_t kFence = 64;
    std::vector<T> all_;
};

// run() computes into what it gets, once on each set.
template <typename T, typename Run>
void expect_alike(std::size_t count, Run run) {
    const RestoredSet restored;
    std::vector<std::uint8_t> want;
    for (const std::string_view set : instruction_sets()) {
        ASSERT_TRUE(use_instruction_set(set));
        Fenced<T> out(count);
        run(out.data());
        if (want.empty()) want = out.bytes();
        ASSERT_EQ(want, out.bytes()) << set << " against " << instruction_sets().front();
    }
}

std::int32_t any_stored(Rng& rng) {
    return static_cast<std::int32_t>(rng.below(256)) - 128;
}

std::vector<std::int8_t> any_bytes(Rng& rng, std::size_t count) {
    std::vector<std::int8_t> bytes(count);
    for (std::int8_t& byte : bytes) byte = static_cast<std::int8_t>(any_stored(rng));
    return bytes;
}

enum class Rescaling { kTwice, kOnce, kReal };
constexpr Rescaling kRescalings[] = {Rescaling::kTwice, Rescaling::kOnce, Rescaling::kReal};

// Below 1, and often a power of two, so that halves occur.
double any_factor(Rng& rng) {
    const double mantissa = rng.chance(1, 2) ? 0.5 : rng.uniform();
    return std::ldexp(mantissa, -static_cast<int>(rng.below(13)));
}

// The arrays that a Requantize points at; channels beyond the last have entries too.
struct Channels {
    std::vector<std::int32_t> bias, multipliers, left, right;
    std::vector<float> reals;
    Requantize requantize;

    Channels(Rng& rng, std::size_t channels, Rescaling rescaling) {
        const std::size_t padded = (channels + kPanel - 1) / kPanel * kPanel;
        for (std::size_t c = 0; c < padded; ++c) {
            // Left shifts occur as well; sums are far from overflowing by them.
            const double real = rng.chance(1, 8) ? 1 + rng.uniform() : any_factor(rng);
            const FixedFactor factor = fixed_factor(real);
            bias.push_back(static_cast<std::int32_t>(rng.below(20001)) - 10000);
            multipliers.push_back(factor.multiplier);
            left.push_back(std::max(0, factor.shift));
            right.push_back(std::max(0, -factor.shift));
            reals.push_back(static_cast<float>(real));
        }
        requantize = {multipliers.data(), left.data(), right.data(), any_stored(rng)};
        requantize.min = any_stored(rng);
        requantize.max =
            requantize.min +
            static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(128 - requantize.min)));
        requantize.rounds_once = rescaling == Rescaling::kOnce;
        if (rescaling == Rescaling::kReal) requantize.factors = reals.data();
    }
};

// Matrices, images and groups, with runs of all lengths around a vector's.
Windows any_windows(Rng& rng) {
    Windows w;
    w.rows_y = 1 + rng.below(4);
    w.rows_x = 1 + rng.below(11);
    w.segments_y = 1 + rng.below(3);
    w.segments_x = 1 + rng.below(3);
    w.run = 1 + rng.below(70);
    w.segment_step_x = w.run + rng.below(3);
    w.segment_step_y = w.segment_step_x * w.segments_x + rng.below(5);
    w.step_x = rng.below(2 * w.run + 1);
    w.step_y = w.step_x * w.rows_x + rng.below(7);
    return w;
}

TEST(InstructionSets, ThereIsOneAndOthersAreRefused) {
    const RestoredSet restored;
    EXPECT_FALSE(instruction_sets().empty());
    EXPECT_FALSE(use_instruction_set("abacus"));
    EXPECT_TRUE(use_instruction_set(""));
}

void expect_products_alike(const Windows& w, std::size_t columns, Rng& rng) {
    const std::size_t step = columns + rng.below(4);
    const std::vector<std::int8_t> in = any_bytes(rng, w.extent());
    const std::int32_t zero = any_stored(rng);
    const std::vector<std::int8_t> weights = any_bytes(rng, columns * w.depth());
    std::vector<std::int8_t> packed(packed_size_i8(columns, w.segments(), w.run));
    pack_i8({weights.data(), columns, w.depth(), 1}, w, packed.data());
    std::vector<std::int32_t> sums((columns + kPanel - 1) / kPanel * kPanel);
    for (std::size_t i = 0; i < weights.size(); ++i) sums[i / w.depth()] += weights[i];
    for (const Rescaling rescaling : kRescalings) {
        const Channels channels(rng, columns, rescaling);
        const GemmI8 gemm{w, columns, step, channels.requantize, zero};
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            w.rows() * step,
            [&](auto* out) {
                std::vector<std::int16_t> left(w.extent() + kGroup - 1);
                widen_left_i8(in.size(), {in.data(), zero}, left.data());
                gemm_i8(gemm, {left.data(), packed.data(), channels.bias.data(), sums.data(), out});
            }))
            << w.rows() << " x " << w.depth() << " x " << columns;
    }
}

TEST(InstructionSets, ProductsAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const Windows w = any_windows(rng);
        ASSERT_NO_FATAL_FAILURE(expect_products_alike(w, 1 + rng.below(50), rng));
    }
    // Several blocks of rows; long ones; several lines and a rest in segments.
    expect_products_alike(Windows::matrix(300, 131), 70, rng);
    expect_products_alike(Windows::matrix(33, 4600), 33, rng);
    expect_products_alike(Windows::matrix(9, 6000), 17, rng);
    Windows image = any_windows(rng);
    image.rows_y = 9;
    image.rows_x = 14;
    image.segments_y = 3;
    image.segments_x = 1;
    image.run = 3 * 30;
    image.step_x = 30;
    image.step_y = image.segment_step_y = 30 * 16;
    expect_products_alike(image, 48, rng);
}

TEST(InstructionSets, DepthwiseConvolutionsAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        Depthwise d;
        d.channels = 1 + rng.below(70);
        d.padded_channels = (d.channels + kPanel - 1) / kPanel * kPanel;
        d.out_height = 1 + rng.below(4);
        d.out_width = 1 + rng.below(9);
        d.kernel_height = 1 + rng.below(4);
        d.kernel_width = 1 + rng.below(4);
        d.stride_y = 1 + rng.below(2);
        d.stride_x = 1 + rng.below(2);
        d.dilation_y = 1 + rng.below(2);
        d.dilation_x = 1 + rng.below(2);
        Padding p;
        p.top = rng.below(2);
        p.left = rng.below(2);
        const std::size_t down = (d.kernel_height - 1) * d.dilation_y + 1;
        const std::size_t across = (d.kernel_width - 1) * d.dilation_x + 1;
        p.height = (d.out_height - 1) * d.stride_y + down;
        p.width = (d.out_width - 1) * d.stride_x + across;
        p.channels = d.channels;
        p.padded_channels = d.padded_channels;
        d.in_row = p.padded_row();
        const std::vector<std::int8_t> in = any_bytes(rng, p.height * p.width * p.channels);
        const std::int32_t zero = any_stored(rng);
        const std::size_t taps = d.kernel_height * d.kernel_width;
        const std::vector<std::int8_t> weights = any_bytes(rng, taps * d.channels);
        std::vector<std::int8_t> packed(packed_size_depthwise_i8(taps, d.padded_channels));
        pack_depthwise_i8(d, weights.data(), packed.data());
        std::vector<std::int32_t> sums(d.padded_channels);
        for (std::size_t i = 0; i < weights.size(); ++i) sums[i % d.channels] += weights[i];
        for (const Rescaling rescaling : kRescalings) {
            const Channels channels(rng, d.channels, rescaling);
            const std::size_t count = d.out_height * d.out_width * d.channels;
            ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
                count,
                [&](auto* out) {
                    std::vector<std::int16_t> padded(p.padded_size());
                    pad_left_i8(p, {0, p.padded_height()}, {in.data(), zero}, padded.data());
                    depthwise_i8(d, {padded.data(), packed.data(), channels.bias.data(),
                                     sums.data(), channels.requantize, zero, out});
                }))
                << "round " << round;
        }
    }
}

Rescale any_rescale(Rng& rng) {
    const FixedFactor factor = fixed_factor(any_factor(rng));
    return {factor.multiplier, std::max(0, factor.shift), std::max(0, -factor.shift)};
}

TEST(InstructionSets, SumsAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        const std::size_t count = 1 + rng.below(150);
        const std::vector<std::int8_t> a = any_bytes(rng, count), b = any_bytes(rng, count);
        AddI8 fixed;
        fixed.count = count;
        fixed.zero_a = any_stored(rng);
        fixed.zero_b = any_stored(rng);
        fixed.zero_out = any_stored(rng);
        fixed.a = any_rescale(rng);
        fixed.b = any_rescale(rng);
        // The sums carry 20 more bits, which the last factor takes away again.
        fixed.out = any_rescale(rng);
        fixed.out.right = std::min(31, fixed.out.right + 18);
        fixed.max = static_cast<std::int32_t>(rng.below(128));
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            count, [&](auto* out) { add_i8(fixed, a.data(), b.data(), out); }))
            << "round " << round;

        const AddRealI8 real{count,
                             any_stored(rng),
                             any_stored(rng),
                             any_stored(rng),
                             static_cast<float>(2 * any_factor(rng)),
                             static_cast<float>(2 * any_factor(rng)),
                             -static_cast<std::int32_t>(rng.below(129)),
                             static_cast<std::int32_t>(rng.below(128))};
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            count, [&](auto* out) { add_real_i8(real, a.data(), b.data(), out); }))
            << "round " << round;
    }
}

TEST(InstructionSets, MeansAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        MeanI8 mean{1 + rng.below(90), 1 + rng.below(70), any_stored(rng), any_stored(rng)};
        mean.factor = static_cast<float>((1 + rng.uniform()) / static_cast<double>(mean.pixels));
        mean.min = -static_cast<std::int32_t>(rng.below(129));
        const std::vector<std::int8_t> in = any_bytes(rng, mean.pixels * mean.channels);
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            mean.channels, [&](auto* out) { mean_i8(mean, in.data(), out); }))
            << "round " << round;
    }
}

TEST(InstructionSets, PoolsAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        Pool pool;
        pool.height = 3 + rng.below(8);
        pool.width = 3 + rng.below(8);
        pool.channels = 1 + rng.below(70);
        pool.kernel_height = 1 + rng.below(3);
        pool.kernel_width = 1 + rng.below(3);
        pool.stride_y = 1 + rng.below(2);
        pool.stride_x = 1 + rng.below(2);
        pool.top = rng.below(pool.kernel_height);
        pool.left = rng.below(pool.kernel_width);
        pool.out_height = (pool.height + pool.top - pool.kernel_height) / pool.stride_y + 1;
        pool.out_width = (pool.width + pool.left - pool.kernel_width) / pool.stride_x + 1;
        pool.low = static_cast<float>(-static_cast<int>(rng.below(129)));
        pool.high = static_cast<float>(rng.below(128));
        const std::vector<std::int8_t> in =
            any_bytes(rng, pool.height * pool.width * pool.channels);
        const std::size_t count = pool.out_height * pool.out_width * pool.channels;
        for (const auto kernel : {max_pool_i8, average_pool_i8}) {
            ASSERT_NO_FATAL_FAILURE(
                expect_alike<std::int8_t>(count, [&](auto* out) { kernel(pool, in.data(), out); }))
                << "round " << round;
        }
    }
}

TEST(InstructionSets, ConversionsAreAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        AffineI8 affine{1 + rng.below(150), static_cast<float>(any_factor(rng)), any_stored(rng)};
        affine.half_to_even = rng.chance(1, 2);
        std::vector<float> reals(affine.count);
        for (float& x : reals) {
            // Halves of the scale, numbers beyond int8, and what is none.
            const double steps = static_cast<double>(rng.below(601)) / 2 - 150;
            x = static_cast<float>(steps * static_cast<double>(affine.scale));
            if (rng.chance(1, 20)) x = rng.chance(1, 2) ? 3e38f : -3e38f;
            if (rng.chance(1, 40)) x = std::numeric_limits<float>::infinity();
            if (rng.chance(1, 40)) x = std::numeric_limits<float>::quiet_NaN();
        }
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            affine.count, [&](auto* out) { quantize_i8(affine, reals.data(), out); }))
            << "round " << round;
        const std::vector<std::int8_t> stored = any_bytes(rng, affine.count);
        ASSERT_NO_FATAL_FAILURE(expect_alike<float>(
            affine.count, [&](auto* out) { dequantize_i8(affine, stored.data(), out); }))
            << "round " << round;
    }
}

TEST(InstructionSets, SoftmaxIsAlike) {
    Rng rng(testing::seed());
    for (int round = 0; round < kRounds; ++round) {
        std::vector<float> table(SoftmaxI8::kTable);
        const double scale = rng.uniform();
        for (std::size_t i = 0; i < table.size(); ++i) {
            table[i] = static_cast<float>(std::exp(-scale * static_cast<double>(i)));
        }
        const SoftmaxI8 softmax{1 + rng.below(5), 1 + rng.below(90), table.data(), 1.0f / 256,
                                -128};
        const std::size_t count = softmax.rows * softmax.width;
        const std::vector<std::int8_t> in = any_bytes(rng, count);
        ASSERT_NO_FATAL_FAILURE(expect_alike<std::int8_t>(
            count, [&](auto* out) { softmax_i8(softmax, in.data(), out); }))
            << "round " << round;
    }
}

}  // namespace
}  // namespace hf::kernels
