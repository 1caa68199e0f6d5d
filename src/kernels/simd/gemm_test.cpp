// The packed matrix products against three obvious loops.

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/fixed_point.h"
#include "kernels/simd/dispatch.h"
#include "kernels/simd/gemm_bf16.h"
#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/gemm_i8.h"
#include "kernels/simd/pad.h"
#include "tensor/tensor.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// Small windows of every kind: matrices, images, groups (steps larger than runs).
Windows random_windows(Rng& rng) {
    Windows w;
    w.rows_y = 1 + rng.below(5);
    w.rows_x = 1 + rng.below(9);
    w.segments_y = 1 + rng.below(3);
    w.segments_x = 1 + rng.below(3);
    w.run = 1 + rng.below(20);
    w.segment_step_x = w.run + rng.below(3);
    w.segment_step_y = w.segment_step_x * w.segments_x + rng.below(5);
    w.step_x = rng.below(2 * w.run + 1);
    w.step_y = w.step_x * w.rows_x + rng.below(7);
    return w;
}

// Calls f(row, depth, element of the left matrix).
template <typename F>
void for_elements(const Windows& w, F f) {
    for (std::size_t row = 0; row < w.rows(); ++row) {
        std::size_t depth = 0;
        for (std::size_t segment = 0; segment < w.segments(); ++segment) {
            for (std::size_t i = 0; i < w.run; ++i) {
                f(row, depth++,
                  row / w.rows_x * w.step_y + row % w.rows_x * w.step_x +
                      segment / w.segments_x * w.segment_step_y +
                      segment % w.segments_x * w.segment_step_x + i);
            }
        }
    }
}

template <typename T>
std::vector<T> random_values(Rng& rng, std::size_t count) {
    std::vector<T> values(count);
    for (T& value : values) {
        if constexpr (std::is_same_v<T, float>) {
            value = static_cast<float>(rng.uniform() * 2 - 1);
        } else if constexpr (sizeof(T) == 1) {
            value = static_cast<T>(rng.next());
        } else {
            value = static_cast<T>(static_cast<int>(rng.below(511)) - 255);
        }
    }
    return values;
}

TEST(GemmF32, EqualsTheObviousLoopsWithinRounding) {
    Rng rng(testing::seed());
    for (int round = 0; round < 300; ++round) {
        const Windows w = random_windows(rng);
        const std::size_t columns = 1 + rng.below(40);
        const std::vector<float> in = random_values<float>(rng, w.extent());
        const std::vector<float> weights = random_values<float>(rng, columns * w.depth());
        const std::vector<float> bias = random_values<float>(rng, packed_columns(columns));
        const std::vector<float> residual = random_values<float>(rng, w.rows() * columns);
        std::vector<float> packed(packed_size_f32(columns, w.depth()));
        pack_f32({weights.data(), columns, w.depth(), 1}, w.depth(), packed.data());

        const bool with_residual = rng.chance(1, 2);
        const GemmF32 gemm{w, columns, columns, round % 2 ? 0 : -kInfinity, kInfinity};
        std::vector<float> out(w.rows() * columns, 77);
        gemm_f32(gemm, {in.data(), packed.data(), bias.data(),
                        with_residual ? residual.data() : nullptr, out.data()});

        std::vector<double> want(out.size());
        for_elements(w, [&](std::size_t row, std::size_t depth, std::size_t at) {
            for (std::size_t c = 0; c < columns; ++c) {
                want[row * columns + c] += double{in[at]} * double{weights[c * w.depth() + depth]};
            }
        });
        for (std::size_t i = 0; i < out.size(); ++i) {
            double value = want[i] + double{bias[i % columns]};
            if (with_residual) value += double{residual[i]};
            ASSERT_NEAR(out[i], std::max(value, double{gemm.min}), 1e-4) << "round " << round;
        }
    }
}

TEST(GemmF32, ANotANumberStaysOne) {
    const float in = std::nanf(""), weight = 1;
    std::vector<float> packed(packed_size_f32(1, 1));
    pack_f32({&weight, 1, 1, 1}, 1, packed.data());
    float out = 0;
    gemm_f32({Windows::matrix(1, 1), 1, 1, -kInfinity, kInfinity},
             {&in, packed.data(), nullptr, nullptr, &out});
    EXPECT_TRUE(std::isnan(out));
}

float rounded(float value) {
    return bfloat_to_float(float_to_bfloat(value));
}

// With every instruction set, against sums of rounded numbers.
void expect_bf16(const Windows& w, std::size_t columns, Rng& rng) {
    const std::vector<float> in = random_values<float>(rng, w.extent());
    const std::vector<float> weights = random_values<float>(rng, columns * w.depth());
    const std::vector<float> bias = random_values<float>(rng, packed_columns(columns));
    const std::vector<float> residual = random_values<float>(rng, w.rows() * columns);
    std::vector<std::uint16_t> packed(packed_size_bf16(columns, w.depth()));
    pack_bf16({weights.data(), columns, w.depth(), 1}, w.depth(), packed.data());
    const bool with_residual = rng.chance(1, 2);
    const GemmF32 gemm{w, columns, columns, rng.chance(1, 2) ? 0 : -kInfinity, kInfinity};
    std::vector<double> want(w.rows() * columns), size(want.size());
    for_elements(w, [&](std::size_t row, std::size_t depth, std::size_t at) {
        for (std::size_t c = 0; c < columns; ++c) {
            const double product =
                double{rounded(in[at])} * double{rounded(weights[c * w.depth() + depth])};
            want[row * columns + c] += product;
            size[row * columns + c] += std::abs(product);
        }
    });
    for (const std::string_view set : instruction_sets()) {
        ASSERT_TRUE(use_instruction_set(set));
        std::vector<float> out(want.size(), 77);
        // Old bytes there, whatever they mean, count for nothing.
        std::vector<std::uint16_t> left(left_bytes_bf16(w) / sizeof(std::uint16_t) + 32, 0x7fff);
        void* aligned = left.data() + (64 - reinterpret_cast<std::uintptr_t>(left.data()) % 64) / 2;
        gemm_bf16(gemm, {in.data(), packed.data(), bias.data(),
                         with_residual ? residual.data() : nullptr, out.data(), aligned});
        for (std::size_t i = 0; i < out.size(); ++i) {
            double value = want[i] + double{bias[i % columns]};
            if (with_residual) value += double{residual[i]};
            ASSERT_NEAR(out[i], std::max(value, double{gemm.min}), 1e-6 * (size[i] + 2))
                << set << " element " << i << " of " << w.rows() << " x " << w.depth() << " x "
                << columns;
        }
    }
    use_instruction_set({});
}

TEST(GemmBf16, EqualsSumsOfRoundedNumbersWithEveryInstructionSet) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100; ++round) {
        expect_bf16(random_windows(rng), 1 + rng.below(70), rng);
    }
    expect_bf16(Windows::matrix(300, 257), 33, rng);    // several blocks
    expect_bf16(Windows::matrix(50, 12'000), 16, rng);  // of few rows
}

TEST(GemmBf16, ANotANumberStaysOneAndStaysInItsRow) {
    const float in[] = {std::nanf(""), 1};
    const float weight = 1;
    std::vector<std::uint16_t> packed(packed_size_bf16(1, 1));
    pack_bf16({&weight, 1, 1, 1}, 1, packed.data());
    const Windows windows = Windows::matrix(2, 1);
    alignas(64) std::uint16_t left[2048];
    ASSERT_LE(left_bytes_bf16(windows), sizeof left);
    for (const std::string_view set : instruction_sets()) {
        ASSERT_TRUE(use_instruction_set(set));
        float out[2] = {};
        gemm_bf16({windows, 1, 1, -kInfinity, kInfinity},
                  {in, packed.data(), nullptr, nullptr, out, left});
        EXPECT_TRUE(std::isnan(out[0])) << set;
        EXPECT_EQ(out[1], 1) << set;
    }
    use_instruction_set({});
}

TEST(GemmI8, EqualsTheFixedPointAndTheRealArithmeticToTheBit) {
    Rng rng(testing::seed());
    for (int round = 0; round < 300; ++round) {
        const Windows w = random_windows(rng);
        const std::size_t columns = 1 + rng.below(40), padded = (columns + 15) / 16 * 16;
        const std::vector<std::int8_t> in = random_values<std::int8_t>(rng, w.extent());
        const std::int32_t in_zero = static_cast<std::int32_t>(rng.below(256)) - 128;
        // A few more elements than the matrix has: a run that ends within a group reads them.
        std::vector<std::int16_t> left_matrix(w.extent() + kGroup - 1);
        widen_left_i8(w.extent(), {in.data(), in_zero}, left_matrix.data());
        const std::vector<std::int8_t> weights =
            random_values<std::int8_t>(rng, columns * w.depth());
        std::vector<std::int8_t> packed(packed_size_i8(columns, w.segments(), w.run));
        pack_i8({weights.data(), columns, w.depth(), 1}, w, packed.data());
        std::vector<std::int32_t> bias(padded), multipliers(padded), left(padded), right(padded);
        std::vector<FixedFactor> factors(columns);
        for (std::size_t c = 0; c < columns; ++c) {
            bias[c] = static_cast<std::int32_t>(rng.below(20001)) - 10000;
            factors[c] =
                fixed_factor(std::ldexp(rng.uniform(), 1 - static_cast<int>(rng.below(14))));
            multipliers[c] = factors[c].multiplier;
            left[c] = std::max(0, factors[c].shift);
            right[c] = std::max(0, -factors[c].shift);
        }
        const std::int32_t zero = static_cast<std::int32_t>(rng.below(256)) - 128;
        GemmI8 gemm{
            w, columns, columns, {multipliers.data(), left.data(), right.data(), zero, -128, 100}};
        gemm.in_zero = in_zero;
        gemm.requantize.rounds_once = rng.chance(1, 2);
        std::vector<float> reals(padded);
        for (float& real : reals) real = static_cast<float>(std::ldexp(rng.uniform(), -6));
        if (rng.chance(1, 3)) gemm.requantize.factors = reals.data();
        const auto scale = gemm.requantize.rounds_once ? scale_once : scale_by;
        std::vector<std::int8_t> out(w.rows() * columns);
        std::vector<std::int32_t> weight_sums(padded);
        for (std::size_t i = 0; i < weights.size(); ++i) weight_sums[i / w.depth()] += weights[i];
        gemm_i8(gemm,
                {left_matrix.data(), packed.data(), bias.data(), weight_sums.data(), out.data()});

        std::vector<std::int32_t> sums(out.size());
        for_elements(w, [&](std::size_t row, std::size_t depth, std::size_t at) {
            for (std::size_t c = 0; c < columns; ++c) {
                sums[row * columns + c] += (in[at] - in_zero) * weights[c * w.depth() + depth];
            }
        });
        for (std::size_t i = 0; i < out.size(); ++i) {
            const std::size_t c = i % columns;
            const std::int32_t sum = sums[i] + bias[c];
            const double real = std::nearbyint(static_cast<float>(sum) * reals[c]);
            const std::int32_t scaled = gemm.requantize.factors
                                            ? static_cast<std::int32_t>(std::clamp(real, -1e6, 1e6))
                                            : scale(sum, factors[c]);
            const std::int32_t want = std::clamp(scaled + zero, -128, 100);
            ASSERT_EQ(int{out[i]}, want) << "round " << round << " element " << i;
        }
    }
}

}  // namespace
}  // namespace hf::kernels
