// The floor of the clock: what raises it, what it survives, and what never lowers it.

#include "node/time_floor.h"

#include <gtest/gtest.h>

#include "testing/manual_clock.h"
#include "testing/memory_files.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

const std::string kPath = "/time-floor";
constexpr Instant kLongAgo{std::chrono::seconds(1'000'000'000)};

TEST(TimeFloor, AClockThatWasSetBackIsNotBelieved) {
    testing::MemoryFiles files;
    const testing::ManualClock right(kReleased + 1000h), set_back(kLongAgo);
    {
        TimeFloor floor(files, right, kPath);
        EXPECT_EQ(floor.now(), right.now());
        EXPECT_EQ(floor.saw(right.now() + 1h), Status());
        EXPECT_EQ(floor.now(), right.now() + 1h);
        EXPECT_EQ(floor.saw(right.now()), Status()) << "what comes late lowers nothing";
        EXPECT_EQ(floor.now(), right.now() + 1h);
    }
    const TimeFloor after(files, set_back, kPath);
    EXPECT_EQ(after.now(), right.now() + 1h);
}

TEST(TimeFloor, TheReleaseIsTheFirstAndTheOwnClockRaisesNothing) {
    testing::MemoryFiles files;
    {
        const testing::ManualClock ahead(kReleased + 100'000h);
        const TimeFloor floor(files, ahead, kPath);
        EXPECT_EQ(floor.now(), ahead.now());
    }
    const testing::ManualClock set_back(kLongAgo);
    const TimeFloor floor(files, set_back, kPath);
    EXPECT_EQ(floor.now(), kReleased);
}

TEST(TimeFloor, IsWrittenOnceAnHour) {
    testing::MemoryFiles files;
    const testing::ManualClock clock(kLongAgo);
    TimeFloor floor(files, clock, kPath);
    EXPECT_EQ(floor.saw(kReleased + 2h), Status());
    const std::uint64_t before = files.changes();
    for (int i = 0; i < 59; ++i) EXPECT_EQ(floor.saw(kReleased + 2h + i * 1min), Status());
    EXPECT_EQ(files.changes(), before);
    EXPECT_EQ(floor.now(), kReleased + 2h + 58min);
    EXPECT_EQ(floor.saw(kReleased + 3h), Status());
    EXPECT_GT(files.changes(), before);
}

TEST(TimeFloor, WhatCannotBeReadOrWrittenCostsNoMoreThanThat) {
    testing::MemoryFiles files;
    const testing::ManualClock clock(kLongAgo);
    files.overwrite(kPath, to_bytes("yesterday\n"));
    TimeFloor floor(files, clock, kPath);
    EXPECT_EQ(floor.now(), kReleased);
    files.fill_after(0);
    EXPECT_EQ(floor.saw(kReleased + 5h).code(), Code::kResourceExhausted);
    EXPECT_EQ(floor.now(), kReleased + 5h);
    EXPECT_EQ(floor.saw(kReleased + 5h), Status()) << "tried again";
    EXPECT_EQ(TimeFloor(files, clock, kPath).now(), kReleased + 5h);
}

}  // namespace
}  // namespace hf::node
