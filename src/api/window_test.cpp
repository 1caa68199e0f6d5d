#include "api/window.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "testing/script.h"

namespace hf::api {
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
            ASSERT_EQ(window_open(windows, {}, now), open_by_counting(windows, minute));
            const Instant next = next_opening(windows, {}, now).value();
            ASSERT_GE(next, now);
            ASSERT_TRUE(window_open(windows, {}, next));
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
    EXPECT_EQ(open_since({early, late}, {}, at(59)), std::nullopt);
    EXPECT_EQ(open_since({early, late}, {}, at(60)), at(60));
    EXPECT_EQ(open_since({early, late}, {}, at(100)), at(60)) << "of several the first";
    EXPECT_EQ(open_since({late, early}, {}, at(100)), at(60));
    EXPECT_EQ(open_since({early, late}, {}, at(180)), at(90)) << "the early one is closed";
    EXPECT_EQ(open_since({early, late}, {}, at(210)), std::nullopt);
    EXPECT_EQ(open_since({}, {}, at(0)), Instant{});
}

// By the clocks of a place where they change on the last Sundays of March and October.
TEST(Window, GoesByTheClocksOfItsPlace) {
    const TimeZones zones{
        {"Europe/Berlin", TimeZone::parse_rule("CET-1CEST,M3.5.0,M10.5.0/3").value()}};
    const auto at = [](const char* text) { return parse_rfc3339(text).value(); };
    struct Case {
        const char* start;
        const char* now;
        const char* next;
    };
    for (const Case& c : {
             // The same time of day in winter and in summer, another one in UTC.
             Case{"22:00", "2026-01-10T12:00:00Z", "2026-01-10T21:00:00Z"},
             Case{"22:00", "2026-07-10T12:00:00Z", "2026-07-10T20:00:00Z"},
             // Over the nights in which clocks change.
             Case{"22:00", "2026-03-28T22:01:00Z", "2026-03-29T20:00:00Z"},
             Case{"22:00", "2026-10-24T21:01:00Z", "2026-10-25T21:00:00Z"},
             // 02:30 is left out in March, and shown twice in October.
             Case{"02:30", "2026-03-29T00:00:00Z", "2026-03-29T01:30:00Z"},
             Case{"02:30", "2026-03-29T02:30:00Z", "2026-03-30T00:30:00Z"},
             Case{"02:30", "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z"},
             Case{"02:30", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"},
             // While it is open.
             Case{"02:30", "2026-03-29T02:29:59Z", "2026-03-29T02:29:59Z"},
             Case{"02:30", "2026-10-25T01:29:59Z", "2026-10-25T01:29:59Z"},
             // Shortly before midnight of the place.
             Case{"00:10", "2026-03-28T22:59:00Z", "2026-03-28T23:10:00Z"},
             Case{"23:50", "2026-10-25T22:40:00Z", "2026-10-25T22:50:00Z"},
         }) {
        const Window window{kEveryDay, parse_time_of_day(c.start).value(), 60, 0, "Europe/Berlin"};
        ASSERT_EQ(check(window), Status());
        const auto next = next_opening({window}, zones, at(c.now));
        ASSERT_TRUE(next);
        EXPECT_EQ(format_rfc3339(*next), c.next) << c.start << " at " << c.now;
    }
    // Days are those of the place: Monday, 00:30, is Sunday in UTC.
    const Window monday{1, 30, 60, 0, "Europe/Berlin"};
    EXPECT_EQ(next_opening({monday}, zones, at("2026-11-28T00:00:00Z")),
              at("2026-11-29T23:30:00Z"));
}

TEST(Window, AnUnknownPlaceNeverOpens) {
    const Window there{kEveryDay, 0, kMinutesPerDay, 0, "Mars/Base"};
    const Window here{kEveryDay, 60, 60, 0};
    EXPECT_EQ(unknown_time_zone({here, there}, {}), "Mars/Base");
    EXPECT_EQ(unknown_time_zone({here}, {}), "");
    EXPECT_FALSE(window_open({there}, {}, Instant{}));
    EXPECT_EQ(next_opening({there}, {}, Instant{}), std::nullopt);
    EXPECT_EQ(next_opening({there, here}, {}, Instant{}), Instant{} + minutes(60));
}

TEST(Window, ReadsBackAsItWasWritten) {
    const Windows windows{{1, 90, 30, -120}, {kEveryDay, 0, 1440, 0, "Europe/Berlin"}};
    EXPECT_EQ(windows_from(json::Object{{"windows", to_json(windows)}}).value(), windows);
    EXPECT_EQ(windows_from(json::Object{}).value(), Windows());
    const json::Value bad =
        json::parse(R"({"windows":[{"start":"1:00","durationMinutes":5}]})").value();
    EXPECT_EQ(windows_from(bad).status().message().substr(0, 19), "windows[0]: start: ");
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
          Window{1, 0, 1, kUtcOffsetMinutesMax + 1}, Window{1, 0, 1, -kUtcOffsetMinutesMax - 1},
          Window{1, 0, 1, 60, "Europe/Berlin"}, Window{1, 0, 1, 0, "../etc/passwd"},
          Window{1, 0, 1, 0, "/Europe"}, Window{1, 0, 1, 0, "Europe//Berlin"},
          Window{1, 0, 1, 0, "Europe/"}, Window{1, 0, 1, 0, std::string(65, 'a')}}) {
        EXPECT_FALSE(check(bad).ok());
    }
}

}  // namespace
}  // namespace hf::api
