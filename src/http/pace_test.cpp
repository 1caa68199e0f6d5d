#include "http/pace.h"

#include <gtest/gtest.h>

namespace hf::http {
namespace {

using namespace std::chrono_literals;

TEST(Pace, ATrickleEndsWithTheWindow) {
    Pace pace(100, 10s);
    EXPECT_EQ(pace.add(1, 5s), Status());
    EXPECT_EQ(pace.add(1, 4s), Status());
    EXPECT_EQ(pace.add(1, 1s).code(), Code::kDeadlineExceeded);
}

TEST(Pace, AStopInAGoodTransferEndsNothing) {
    Pace pace(100, 10s);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(pace.add(1000, 1ms), Status());
        EXPECT_EQ(pace.add(1, 9s), Status());
        EXPECT_EQ(pace.add(0, 999ms), Status());
    }
}

TEST(Pace, EachWindowCountsForItself) {
    Pace pace(100, 10s);
    EXPECT_EQ(pace.add(1'000'000, 10s), Status());
    EXPECT_EQ(pace.add(999, 10s).code(), Code::kDeadlineExceeded);
}

TEST(Pace, NoneIsAskedForUnlessItIsSaid) {
    Pace pace(0, 10s);
    EXPECT_EQ(pace.add(0, 24h), Status());
}

}  // namespace
}  // namespace hf::http
