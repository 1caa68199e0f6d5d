#include "serve/schedule/latency_profile.h"

#include <gtest/gtest.h>

namespace hf::serve {
namespace {

using namespace std::chrono_literals;

// Runs what the profile says, so often, and notes what `take` says that it took.
template <typename Take>
std::uint64_t settle(LatencyProfile& profile, std::uint64_t waiting, Duration most, Take take) {
    std::uint64_t rows = 0;
    for (int i = 0; i < 200; ++i) {
        rows = profile.best_rows(waiting, most, i % 16 == 0 ? 1 : i % 16 == 8 ? -1 : 0);
        profile.note(rows, take(rows));
    }
    return profile.best_rows(waiting, most, 0);
}

TEST(LatencyProfile, RowsThatGetNoCheaperRunAlone) {
    LatencyProfile profile;
    EXPECT_EQ(profile.best_rows(64, 1s, 0), 1u);
    EXPECT_EQ(profile.expect(4), Duration::zero());
    EXPECT_EQ(settle(profile, 64, 1s, [](std::uint64_t rows) { return rows * 1ms; }), 1u);
    EXPECT_EQ(profile.expect(4), Duration(4ms));
}

TEST(LatencyProfile, ALittleCheaperIsNotWorthABatch) {
    LatencyProfile profile;
    const auto take = [](std::uint64_t rows) { return rows * (rows == 1 ? 100us : 88us); };
    EXPECT_EQ(settle(profile, 64, 1s, take), 1u);
}

TEST(LatencyProfile, RowsThatGetCheaperRunTogether) {
    LatencyProfile profile;
    const auto take = [](std::uint64_t rows) { return 1ms + rows * 100us; };
    EXPECT_EQ(settle(profile, 64, 1s, take), 64u);
    EXPECT_EQ(settle(profile, 20, 1s, take), 16u) << "no more than there are";
    EXPECT_EQ(settle(profile, 64, 2ms, take), 8u) << "no longer than allowed";
}

// Cheaper up to eight rows, dearer beyond: what fits a cache, say.
TEST(LatencyProfile, GrowsNoFurtherThanItPays) {
    LatencyProfile profile;
    EXPECT_EQ(
        settle(profile, 64, 1s,
               [](std::uint64_t rows) { return rows <= 8 ? 1ms + rows * 100us : rows * 400us; }),
        8u);
}

TEST(LatencyProfile, LearnsAnew) {
    LatencyProfile profile;
    settle(profile, 64, 1s, [](std::uint64_t rows) { return 1ms + rows * 100us; });
    EXPECT_EQ(settle(profile, 64, 1s, [](std::uint64_t rows) { return rows * 1ms; }), 1u);
}

}  // namespace
}  // namespace hf::serve
