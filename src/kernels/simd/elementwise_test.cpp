// Elementwise and row kernels against the C library, and integer addition against fixed_point.h.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "kernels/fixed_point.h"
#include "kernels/move.h"
#include "kernels/simd/elementwise_f32.h"
#include "kernels/simd/quantized.h"
#include "kernels/simd/rows_f32.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

double want_unary(Unary function, double x, double low, double high) {
    switch (function) {
        case Unary::kClamp: return std::clamp(x, low, high);
        case Unary::kSigmoid: return 1 / (1 + std::exp(-x));
        case Unary::kTanh: return std::tanh(x);
        case Unary::kExp: return std::exp(x);
        case Unary::kErf: return std::erf(x);
        case Unary::kSqrt: return std::sqrt(x);
        case Unary::kAbs: return std::abs(x);
        case Unary::kNegate: return -x;
        case Unary::kReciprocal: return 1 / x;
        case Unary::kLeakyRelu: return x < 0 ? low * x : x;
        case Unary::kHardSigmoid: return std::clamp(low * x + high, 0.0, 1.0);
        case Unary::kHardSwish: return x * std::clamp(x / 6 + 0.5, 0.0, 1.0);
        case Unary::kLog: return std::log(x);
        case Unary::kPower: return std::pow(x, low);
        case Unary::kGelu: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
    }
    return 0;
}

TEST(UnaryF32, EveryFunctionIsCloseToTheLibrarys) {
    Rng rng(testing::seed());
    for (int function = 0; function < kUnaryCount; ++function) {
        const auto kind = static_cast<Unary>(function);
        const bool positive = kind == Unary::kSqrt || kind == Unary::kLog || kind == Unary::kPower;
        std::vector<float> in(1003), out(1003);
        for (float& x : in) x = static_cast<float>((rng.uniform() - (positive ? 0 : 0.5)) * 12);
        unary_f32({kind, 0.25f, 0.5f, in.size()}, in.data(), out.data());
        for (std::size_t i = 0; i < in.size(); ++i) {
            const double want = want_unary(kind, in[i], 0.25, 0.5);
            ASSERT_NEAR(out[i], want, 2e-6 + std::abs(want) * 2e-6) << function << " of " << in[i];
        }
    }
}

TEST(UnaryF32, ExtremesOfSigmoidAndTanhStayInRange) {
    const std::vector<float> in{-kInfinity, -1000, 1000, kInfinity};
    std::vector<float> out(in.size());
    unary_f32({Unary::kSigmoid, 0, 0, in.size()}, in.data(), out.data());
    EXPECT_EQ(out, (std::vector<float>{0, 0, 1, 1}));
    unary_f32({Unary::kTanh, 0, 0, in.size()}, in.data(), out.data());
    EXPECT_EQ(out, (std::vector<float>{-1, -1, 1, 1}));
}

TEST(BinaryF32, RowsAndSingleValuesRepeat) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200; ++round) {
        BinaryF32 s{static_cast<Binary>(rng.below(kBinaryCount)), 1 + rng.below(4),
                    1 + rng.below(30)};
        s.low = -kInfinity;
        s.high = 0.5;
        s.a_inner = rng.below(2);
        s.b_inner = rng.below(2);
        s.a_outer = rng.below(2) * s.inner;
        s.b_outer = rng.below(2) * s.inner;
        std::vector<float> a(s.outer * s.inner), b(a.size()), out(a.size());
        for (float& x : a) x = static_cast<float>(rng.uniform() + 0.5);
        for (float& x : b) x = static_cast<float>(rng.uniform() + 0.5);
        binary_f32(s, a.data(), b.data(), out.data());
        for (std::size_t i = 0; i < out.size(); ++i) {
            const float x = a[i / s.inner * s.a_outer + i % s.inner * s.a_inner];
            const float y = b[i / s.inner * s.b_outer + i % s.inner * s.b_inner];
            const float all[] = {x + y, x - y, x * y, x / y, std::max(x, y), std::min(x, y), x};
            ASSERT_EQ(out[i], std::min(0.5f, all[static_cast<int>(s.function)]));
        }
    }
}

TEST(RowsF32, SoftmaxSumsToOneAndFollowsTheExponentials) {
    Rng rng(testing::seed());
    for (std::size_t width : {1, 2, 7, 8, 33}) {
        std::vector<float> in(3 * width), out(in.size());
        for (float& x : in) x = static_cast<float>(rng.normal() * 5);
        softmax_f32({3, width, 1}, in.data(), out.data());
        for (std::size_t row = 0; row < 3; ++row) {
            double sum = 0;
            for (std::size_t i = 0; i < width; ++i) sum += std::exp(double{in[row * width + i]});
            for (std::size_t i = 0; i < width; ++i) {
                ASSERT_NEAR(out[row * width + i], std::exp(double{in[row * width + i]}) / sum,
                            1e-6);
            }
        }
    }
}

TEST(RowsF32, LayerNormAndMeans) {
    Rng rng(testing::seed());
    const std::size_t rows = 3, width = 37;
    std::vector<float> in(rows * width), out(in.size()), scale(width, 2), bias(width, -1);
    for (float& x : in) x = static_cast<float>(rng.normal() + 3);
    std::vector<float> means(rows), columns(width);
    mean_rows_f32(rows, width, in.data(), means.data());
    mean_columns_f32({1, rows, width}, in.data(), columns.data());
    layer_norm_f32({rows, width, 1e-5f, scale.data(), bias.data()}, in.data(), out.data());
    for (std::size_t row = 0; row < rows; ++row) {
        double mean = 0, variance = 0;
        for (std::size_t i = 0; i < width; ++i) mean += double{in[row * width + i]} / width;
        for (std::size_t i = 0; i < width; ++i) {
            variance += std::pow(double{in[row * width + i]} - mean, 2) / width;
        }
        ASSERT_NEAR(means[row], mean, 1e-5);
        for (std::size_t i = 0; i < width; ++i) {
            const double want = (double{in[row * width + i]} - mean) / std::sqrt(variance + 1e-5);
            ASSERT_NEAR(out[row * width + i], want * 2 - 1, 1e-5);
        }
    }
    for (std::size_t i = 0; i < width; ++i) {
        ASSERT_NEAR(columns[i], (in[i] + in[width + i] + in[2 * width + i]) / 3, 1e-5);
    }
}

TEST(AddI8, EqualsTheFixedPointArithmeticToTheBit) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200; ++round) {
        const FixedFactor a = fixed_factor(rng.uniform() / 2), b = fixed_factor(0.5);
        const FixedFactor out_factor = fixed_factor(std::ldexp(1 + rng.uniform(), -20));
        AddI8 s;
        s.count = 1 + rng.below(40);
        s.zero_a = static_cast<std::int32_t>(rng.below(256)) - 128;
        s.zero_b = static_cast<std::int32_t>(rng.below(256)) - 128;
        s.zero_out = 7;
        s.a = {a.multiplier, 0, -a.shift};
        s.b = {b.multiplier, 0, -b.shift};
        s.out = {out_factor.multiplier, 0, -out_factor.shift};
        std::vector<std::int8_t> x(s.count), y(s.count), out(s.count);
        for (std::int8_t& value : x) value = static_cast<std::int8_t>(rng.next());
        for (std::int8_t& value : y) value = static_cast<std::int8_t>(rng.next());
        add_i8(s, x.data(), y.data(), out.data());
        for (std::size_t i = 0; i < s.count; ++i) {
            const std::int32_t sum = scale_by((x[i] - s.zero_a) * (1 << 20), a) +
                                     scale_by((y[i] - s.zero_b) * (1 << 20), b);
            ASSERT_EQ(int{out[i]}, std::clamp(scale_by(sum, out_factor) + 7, -128, 127));
        }
    }
}

TEST(Move, TransposesAnyOrderOfAxes) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100; ++round) {
        Transpose s;
        s.rank = 1 + rng.below(4);
        s.element_size = 2;
        std::vector<std::size_t> order(s.rank), in_extents(s.rank), in_steps(s.rank, 1);
        for (std::size_t i = 0; i < s.rank; ++i) order[i] = i;
        for (std::size_t i = s.rank; i > 1; --i) std::swap(order[i - 1], order[rng.below(i)]);
        for (std::size_t& extent : in_extents) extent = 1 + rng.below(20);
        for (std::size_t i = s.rank - 1; i > 0; --i) in_steps[i - 1] = in_steps[i] * in_extents[i];
        const std::size_t count = in_steps[0] * in_extents[0];
        for (std::size_t i = 0; i < s.rank; ++i) {
            s.extents[i] = in_extents[order[i]];
            s.steps[i] = in_steps[order[i]];
        }
        std::vector<std::uint16_t> in(count), out(count);
        for (std::size_t i = 0; i < count; ++i) in[i] = static_cast<std::uint16_t>(i);
        transpose(s, in.data(), out.data());
        for (std::size_t i = 0; i < count; ++i) {
            std::size_t rest = i, from = 0;
            for (std::size_t axis = s.rank; axis > 0; --axis) {
                from += rest % s.extents[axis - 1] * s.steps[axis - 1];
                rest /= s.extents[axis - 1];
            }
            ASSERT_EQ(out[i], static_cast<std::uint16_t>(from));
        }
    }
}

}  // namespace
}  // namespace hf::kernels
