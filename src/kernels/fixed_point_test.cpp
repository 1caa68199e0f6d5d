#include "kernels/fixed_point.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::kernels {
namespace {

__extension__ using Wide = __int128;

constexpr std::int32_t kMin = std::numeric_limits<std::int32_t>::min();
constexpr std::int32_t kMax = std::numeric_limits<std::int32_t>::max();

// round(numerator / 2^exponent), halves away from zero, in 128 bits.
Wide divide_rounded(Wide numerator, int exponent) {
    const Wide half = exponent == 0 ? 0 : Wide{1} << (exponent - 1);
    const Wide magnitude = ((numerator < 0 ? -numerator : numerator) + half) >> exponent;
    return numerator < 0 ? -magnitude : magnitude;
}

// Extremes and neighbours of powers of two more often than chance would.
std::int32_t interesting(Rng& rng) {
    switch (rng.below(4)) {
        case 0: return static_cast<std::int32_t>(rng.next());
        case 1: return rng.chance(1, 2) ? kMin : kMax;
        case 2:
            return static_cast<std::int32_t>((std::int64_t{1} << rng.below(31)) -
                                             static_cast<std::int64_t>(rng.below(3)));
        default: return static_cast<std::int32_t>(rng.below(2001)) - 1000;
    }
}

TEST(FixedPoint, TheHighProductIsTheRoundedWideOne) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200000; ++round) {
        const std::int32_t a = interesting(rng), b = interesting(rng);
        const Wide product = Wide{a} * b;
        Wide want = (product + (Wide{1} << 30)) >> 31;
        if (a == kMin && b == kMin) want = kMax;
        ASSERT_EQ(Wide{high_product(a, b)}, want) << a << " * " << b;
    }
}

TEST(FixedPoint, TheShiftRoundsHalvesAwayFromZero) {
    Rng rng(testing::seed());
    for (int round = 0; round < 200000; ++round) {
        const std::int32_t x = interesting(rng);
        const int exponent = static_cast<int>(rng.below(32));
        ASSERT_EQ(Wide{rounding_shift(x, exponent)}, divide_rounded(x, exponent))
            << x << " >> " << exponent;
    }
    EXPECT_EQ(rounding_shift(3, 1), 2);
    EXPECT_EQ(rounding_shift(-3, 1), -2);
}

TEST(FixedPoint, AFactorIsWithinHalfAUnitOfItsNumber) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100000; ++round) {
        const double real =
            std::ldexp(0.5 + rng.uniform() / 2, static_cast<int>(rng.below(60)) - 31);
        const FixedFactor factor = fixed_factor(real);
        if (real >= std::ldexp(1.0, 30)) continue;
        EXPECT_GE(factor.multiplier, 1 << 30);
        const double back = std::ldexp(static_cast<double>(factor.multiplier), factor.shift - 31);
        ASSERT_NEAR(back / real, 1.0, std::ldexp(1.0, -31)) << real;
    }
    EXPECT_EQ(fixed_factor(0).multiplier, 0);
    EXPECT_EQ(fixed_factor(std::ldexp(1.0, -40)).multiplier, 0);
    EXPECT_EQ(fixed_factor(1.0).multiplier, 1 << 30);
    EXPECT_EQ(fixed_factor(1.0).shift, 1);
    EXPECT_EQ(fixed_factor(1e30).multiplier, kMax);
}

TEST(FixedPoint, ScalingIsWithinOneOfTheRealProductAndSaturates) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100000; ++round) {
        const std::int32_t x = interesting(rng) / 4;
        const double real = std::ldexp(rng.uniform(), static_cast<int>(rng.below(12)) - 10);
        const double want = static_cast<double>(x) * real;
        ASSERT_NEAR(scale_by(x, fixed_factor(real)), want, 2 + std::abs(want) * 0x1p-29) << x;
    }
    // The left shift saturates, then the half of it is taken: never undefined, never a sign change.
    EXPECT_EQ(scale_by(kMax, fixed_factor(4)), 1 << 30);
    EXPECT_EQ(scale_by(kMin, fixed_factor(4)), -(1 << 30));
    EXPECT_EQ(scale_by(7984, {1583594044, -9}), 12);  // rounded twice; once would give 11
}

TEST(FixedPoint, ScalingOnceIsTheRoundedWideProduct) {
    Rng rng(testing::seed());
    for (int round = 0; round < 100000; ++round) {
        const std::int32_t x = interesting(rng);
        const FixedFactor factor{static_cast<std::int32_t>((1u << 30) + rng.below(1u << 30)),
                                 static_cast<int>(rng.below(62)) - 31};
        const int shift = 31 - factor.shift;
        const Wide product = Wide{x} * factor.multiplier + (Wide{1} << (shift - 1));
        const Wide want = std::clamp<Wide>(product >> shift, kMin, kMax);
        ASSERT_EQ(Wide{scale_once(x, factor)}, want)
            << x << " * " << factor.multiplier << " shift " << factor.shift;
    }
    EXPECT_EQ(scale_once(7984, {1583594044, -9}), 11);
}

}  // namespace
}  // namespace hf::kernels
