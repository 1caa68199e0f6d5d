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
        rows = profile.best(waiting, most, i % 16 == 0 ? 1 : i % 16 == 8 ? -1 : 0).rows;
        profile.note(rows, take(rows));
    }
    return profile.best(waiting, most, 0).rows;
}

TEST(LatencyProfile, RowsThatGetNoCheaperRunAlone) {
    LatencyProfile profile;
    EXPECT_EQ(profile.best(64, 1s, 0).rows, 1u);
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

TEST(LatencyProfile, WhatIsNotPreparedIsAskedForAndNotRun) {
    LatencyProfile profile(false);
    const auto take = [](std::uint64_t rows) { return 1ms + rows * 100us; };
    EXPECT_EQ(settle(profile, 64, 1s, take), 1u);
    EXPECT_EQ(profile.best(64, 1s, 0).unprepared, 2u);
    profile.prepared(2);
    EXPECT_EQ(profile.best(64, 1s, 0).unprepared, 0u) << "before it is known whether 2 pay";
    EXPECT_EQ(settle(profile, 64, 1s, take), 2u);
    EXPECT_EQ(profile.best(64, 1s, 0).unprepared, 4u);
    EXPECT_EQ(profile.best(3, 1s, 0).unprepared, 0u) << "nobody waits for more";
    EXPECT_EQ(profile.best(64, 2500us, 0).unprepared, 4u);
    EXPECT_EQ(profile.best(64, 2300us, 0).unprepared, 0u) << "it would take longer than it may";
}

TEST(LatencyProfile, WhatDoesNotPayIsLookedAtAgainOnceItIsPrepared) {
    LatencyProfile profile(false);
    const auto take = [](std::uint64_t rows) { return rows * 1ms; };
    profile.prepared(2);
    EXPECT_EQ(settle(profile, 64, 1s, take), 1u);
    EXPECT_EQ(profile.best(64, 1s, 0).unprepared, 0u);
    EXPECT_EQ(profile.best(64, 1s, 1).rows, 2u);
}

TEST(LatencyProfile, WhatWasPreparedCanBeLost) {
    LatencyProfile profile(false);
    const auto take = [](std::uint64_t rows) { return 1ms + rows * 100us; };
    for (const std::uint64_t rows : {2u, 4u, 8u}) profile.prepared(rows);
    EXPECT_EQ(settle(profile, 8, 1s, take), 8u);
    profile.unprepared();
    EXPECT_EQ(settle(profile, 8, 1s, take), 1u);
    EXPECT_EQ(profile.best(8, 1s, 0).unprepared, 2u);
}

}  // namespace
}  // namespace hf::serve
