#include "control/rollout/window.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::control::rollout {
namespace {

using std::chrono::minutes;

// Every minute of eight days, by counting: the dumb way to the same answer.
bool open_by_counting(const std::vector<Window>& windows, std::int64_t minute) {
    if (windows.empty()) return true;
    constexpr std::int64_t kThursday = 3;  // 1 January 1970
    for (const Window& window : windows) {
        const std::int64_t local = minute + window.utc_offset_minutes;
        // It opened at most a day before.
        for (std::int64_t ago = 0; ago < window.duration_minutes; ++ago) {
            const std::int64_t start = local - ago + 14 * kMinutesPerDay;
            const std::int64_t weekday = (start / kMinutesPerDay + kThursday) % 7;
            const bool starts = start % kMinutesPerDay == window.start_minutes;
            if (starts && ((window.days >> weekday) & 1) != 0) return true;
        }
    }
    return false;
}

TEST(Window, AgreesWithCounting) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        std::vector<Window> windows;
        for (std::uint64_t i = rng.below(3); i > 0; --i) {
            Window window;
            window.days = static_cast<std::uint8_t>(1 + rng.below(kEveryDay));
            window.start_minutes = static_cast<int>(rng.below(kMinutesPerDay));
            window.duration_minutes = 1 + static_cast<int>(rng.below(kMinutesPerDay));
            window.utc_offset_minutes =
                static_cast<int>(rng.below(2 * kUtcOffsetMinutesMax + 1)) - kUtcOffsetMinutesMax;
            ASSERT_TRUE(check(window).ok());
            windows.push_back(window);
        }
        for (int probe = 0; probe < 40; ++probe) {
            const auto minute = static_cast<std::int64_t>(rng.below(7 * kMinutesPerDay));
            const Instant now = Instant{} + minutes(minute) + std::chrono::seconds(rng.below(60));
            ASSERT_EQ(window_open(windows, now), open_by_counting(windows, minute));
            const Instant next = next_opening(windows, now);
            ASSERT_GE(next, now);
            ASSERT_TRUE(window_open(windows, next));
            if (next == now) continue;
            const std::int64_t opens = (next - Instant{}) / minutes(1);
            ASSERT_EQ(next, Instant{} + minutes(opens)) << "windows open on the minute";
            for (std::int64_t m = minute; m < opens; m += 1 + static_cast<int>(rng.below(30))) {
                ASSERT_FALSE(open_by_counting(windows, m)) << "one opened before";
            }
            ASSERT_FALSE(open_by_counting(windows, opens - 1));
        }
    }
}

TEST(Window, SaysSinceWhenItIsOpen) {
    const Window early{kEveryDay, 60, 120, 0};
    const Window late{kEveryDay, 90, 120, 0};
    const auto at = [](int minute) { return Instant{} + minutes(kMinutesPerDay + minute); };
    EXPECT_EQ(open_since({early, late}, at(59)), std::nullopt);
    EXPECT_EQ(open_since({early, late}, at(60)), at(60));
    EXPECT_EQ(open_since({early, late}, at(100)), at(60)) << "of several the first";
    EXPECT_EQ(open_since({late, early}, at(100)), at(60));
    EXPECT_EQ(open_since({early, late}, at(180)), at(90)) << "the early one is closed";
    EXPECT_EQ(open_since({early, late}, at(210)), std::nullopt);
    EXPECT_EQ(open_since({}, at(0)), Instant{});
}

TEST(Window, ParsesTimesOfDay) {
    EXPECT_EQ(parse_time_of_day("00:00").value(), 0);
    EXPECT_EQ(parse_time_of_day("23:59").value(), 23 * 60 + 59);
    for (const char* bad : {"", "24:00", "12:60", "1:00", "12:0", "12-00", "+1:00", " 1:00",
                            "12:00Z", "ab:cd", "12:000"}) {
        EXPECT_FALSE(parse_time_of_day(bad).ok()) << bad;
    }
}

TEST(Window, RefusesWhatIsOutOfBounds) {
    for (const Window& bad :
         {Window{0, 0, 1, 0}, Window{0x80, 0, 1, 0}, Window{0xff, 0, 1, 0}, Window{1, -1, 1, 0},
          Window{1, kMinutesPerDay, 1, 0}, Window{1, 0, 0, 0}, Window{1, 0, kMinutesPerDay + 1, 0},
          Window{1, 0, 1, kUtcOffsetMinutesMax + 1}, Window{1, 0, 1, -kUtcOffsetMinutesMax - 1}}) {
        EXPECT_FALSE(check(bad).ok());
    }
}

}  // namespace
}  // namespace hf::control::rollout
