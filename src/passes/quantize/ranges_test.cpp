#include "passes/quantize/ranges.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::passes {
namespace {

Stored choose(const std::vector<float>& values, Calibrator calibrator, double percentile = 99.99) {
    Range range;
    EXPECT_TRUE(range.widen(values));
    range.count(values);
    return range.choose({calibrator, percentile});
}

TEST(Stored, ZeroIsAlwaysExact) {
    Rng rng(testing::seed());
    for (int i = 0; i < 1000; ++i) {
        const auto low = static_cast<float>(rng.normal() * 10);
        const auto high = low + static_cast<float>(rng.uniform() * 10);
        const Stored stored = stored_as(low, high);
        ASSERT_LE(stored.low, 0);
        ASSERT_GE(stored.high, 0);
        ASSERT_LE(stored.low, low + stored.scale * 0.51f);
        ASSERT_GE(stored.high, high - stored.scale * 0.51f);
    }
}

TEST(Stored, NeverReachesBeyondAClip) {
    for (const float high : {6.0f, 1.0f, 0.1f, 3.3333f, 1e-3f, 12345.678f}) {
        const Stored stored = stored_as(0, high);
        EXPECT_EQ(stored.zero, 0);
        EXPECT_LE(stored.high, high);
        EXPECT_GE(stored.high, high * 0.999f);
    }
}

TEST(Stored, NothingIsStoredAsZero) {
    EXPECT_EQ(stored_as(0, 0).scale, 1);
    EXPECT_EQ(stored_as(0, std::numeric_limits<float>::denorm_min()).scale, 1);
}

TEST(Range, RefusesWhatIsNotFinite) {
    Range range;
    EXPECT_FALSE(range.widen(std::vector<float>{1, std::nanf("")}));
    EXPECT_FALSE(range.widen(std::vector<float>{std::numeric_limits<float>::infinity()}));
}

TEST(Range, MinMaxKeepsTheOutlierAndTheOthersDoNot) {
    Rng rng(testing::seed());
    std::vector<float> values{100};
    for (int i = 0; i < 50'000; ++i) values.push_back(static_cast<float>(rng.uniform()));
    EXPECT_NEAR(choose(values, Calibrator::kMinMax).high, 100, 0.1);
    EXPECT_LT(choose(values, Calibrator::kPercentile).high, 1.2);
    EXPECT_NEAR(choose(values, Calibrator::kPercentile, 100).high, 100, 0.1);
    // One element in fifty thousand costs more when it is cut off than steps of 0.4 cost the others
    // only if it is far away.
    EXPECT_GT(choose(values, Calibrator::kMse).high, 1);
}

// The least squared error over all ranges, by trying the numbers themselves.
TEST(Range, LeastErrorBeatsMinMaxOnHeavyTails) {
    Rng rng(testing::seed());
    std::vector<float> values;
    for (int i = 0; i < 20'000; ++i)
        values.push_back(static_cast<float>(std::pow(rng.normal(), 5)));
    const auto error = [&](const Stored& stored) {
        double sum = 0;
        for (const float value : values) {
            const float step =
                std::clamp(std::nearbyint(value / stored.scale) + stored.zero, 0.0f, 255.0f);
            sum += std::pow(double{value} - double{stored.scale * (step - stored.zero)}, 2);
        }
        return sum;
    };
    EXPECT_LT(error(choose(values, Calibrator::kMse)), error(choose(values, Calibrator::kMinMax)));
}

TEST(Calibrator, NamesRoundTrip) {
    for (const char* name : {"minmax", "percentile", "mse"}) {
        EXPECT_EQ(calibrator_name(*parse_calibrator(name)), name);
    }
    EXPECT_NE(parse_calibrator("percentil").status().message().find("did you mean 'percentile'?"),
              std::string_view::npos);
}

}  // namespace
}  // namespace hf::passes
