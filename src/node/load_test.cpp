#include "node/load.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant kStart{1'000'000s};

// Requests that come at these moments and each stay so long, read every half second.
struct Guests {
    Duration every{};  // zero: nobody comes
    Duration stay{};
    Duration wait{};
};

// What the meter says after `length` of them, from `begin` on.
void live(LoadMeter& meter, const Guests& guests, Duration begin, Duration length) {
    for (Duration t = begin; t <= begin + length; t += 500ms) {
        Traffic traffic;
        for (Duration came{}; guests.every > 0s && came <= t; came += guests.every) {
            if (came + guests.stay > t) {
                ++traffic.present;
                continue;
            }
            ++traffic.requests;
            ++traffic.queued;
            traffic.there += guests.stay;
            traffic.queue += guests.wait;
        }
        meter.add(traffic, kStart + t);
    }
}

TEST(Load, IsTheMeanNumberOfRequestsThatAreThere) {
    LoadMeter meter;
    live(meter, {.every = 25ms, .stay = 100ms, .wait = 30ms}, 0s, 30s);
    ASSERT_TRUE(meter.load());
    EXPECT_NEAR(static_cast<double>(meter.load()->concurrency_milli), 4000, 20);
    EXPECT_EQ(meter.load()->queue, 30ms);
    EXPECT_NEAR(static_cast<double>(meter.load()->requests_per_minute), 2400, 12);
}

TEST(Load, IsKnownAfterTwoSecondsAndZeroWhereNobodyAsks) {
    LoadMeter meter;
    live(meter, {}, 0s, 1500ms);
    EXPECT_FALSE(meter.load());
    EXPECT_FALSE(meter.is_news(0s, kStart + 1500ms));
    live(meter, {}, 2s, 0s);
    EXPECT_EQ(meter.load(), Load());
}

TEST(Load, FollowsWithinTenSeconds) {
    LoadMeter meter;
    live(meter, {.every = 25ms, .stay = 100ms}, 0s, 60s);
    const std::int64_t busy = meter.load()->concurrency_milli;
    Traffic still;
    still.requests = 2400;
    still.there = 240s;
    meter.add(still, kStart + 61s);
    meter.add(still, kStart + 66s);
    EXPECT_LT(meter.load()->concurrency_milli, busy);
    meter.add(still, kStart + 71s);
    EXPECT_EQ(meter.load()->concurrency_milli, 0);
}

// None of them ends within the window.
TEST(Load, CountsRequestsThatTakeLongerThanTheWindow) {
    LoadMeter meter;
    live(meter, {.every = 10min, .stay = 5min}, 0s, 20s);
    EXPECT_EQ(meter.load()->concurrency_milli, 1000);
}

TEST(Load, BeginsAnewWithAnotherVersionAndWhenTheClockJumps) {
    LoadMeter meter;
    live(meter, {.every = 25ms, .stay = 100ms}, 0s, 20s);
    meter.add({}, kStart + 20500ms);
    EXPECT_FALSE(meter.load());
    live(meter, {}, 21s, 2s);
    EXPECT_TRUE(meter.load());
    meter.add({}, kStart - 1h);
    EXPECT_FALSE(meter.load());
}

TEST(Load, IsToldWhenItChangesAndNotTooOften) {
    LoadMeter meter;
    live(meter, {.every = 25ms, .stay = 100ms}, 0s, 20s);
    EXPECT_TRUE(meter.is_news(0s, kStart + 20s)) << "nobody knows it yet";
    meter.told(kStart + 20s);
    live(meter, {.every = 25ms, .stay = 100ms}, 20500ms, 20s);
    EXPECT_FALSE(meter.is_news(0s, kStart + 41s)) << "it is the same";
    Traffic more;
    more.requests = 10'000;
    more.there = 400s;
    meter.add(more, kStart + 41s);
    EXPECT_TRUE(meter.is_news(0s, kStart + 41s));
    EXPECT_FALSE(meter.is_news(30s, kStart + 41s)) << "the control plane hears of others, too";
    EXPECT_FALSE(meter.is_news(0s, kStart + 24s)) << "five seconds are the least";
}

// Ten minutes of a load that wavers by less than a fifth.
TEST(Load, SteadyTrafficIsToldOnce) {
    LoadMeter meter;
    Rng rng(7);
    Traffic traffic;
    int told = 0;
    for (Duration t{}; t < 10min; t += 500ms) {
        for (int i = 0; i < 20; ++i) {
            ++traffic.requests;
            traffic.there += std::chrono::milliseconds(90 + rng.below(20));
        }
        meter.add(traffic, kStart + t);
        if (!meter.is_news(0s, kStart + t)) continue;
        ++told;
        meter.told(kStart + t);
    }
    EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace hf::node
