// Maintenance windows: when machines may be changed. A window opens on some days of the week at a
// time of day, by the clocks of a time zone or at a fixed offset from UTC, and may run past
// midnight. Its length is real time: a window in the night of a change of clocks is as long as
// others. Where clocks go forward over its opening, it opens as much later; where they show the
// time twice, at the first.
//
// The node judges its windows by its own clock before it begins the work of an order; a roll-out
// asks too, so that no order uses up the disruption budget while it waits for a window.
//
// Pure functions; the time, and what is known of time zones, are handed in. A window whose time
// zone is not known never opens.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"
#include "base/time_zone.h"

namespace hf::api {

inline constexpr std::size_t kWindowsMax = 16;
inline constexpr int kMinutesPerDay = 1440;
inline constexpr int kUtcOffsetMinutesMax = 14 * 60;  // and no less than its negative
inline constexpr std::uint8_t kEveryDay = 0x7f;

struct Window {
    std::uint8_t days = kEveryDay;  // bit 0 is Monday
    int start_minutes = 0;          // after midnight
    int duration_minutes = kMinutesPerDay;
    int utc_offset_minutes = 0;  // east of UTC; where there is no time zone
    std::string time_zone = {};  // "Europe/Berlin"
    friend bool operator==(const Window&, const Window&) = default;
};
using Windows = std::vector<Window>;

// "Mon" to "Sun"; nothing otherwise.
std::optional<int> day_named(std::string_view name);
std::string_view day_name(int day);

// "06:30" to minutes after midnight.
Result<int> parse_time_of_day(std::string_view text);

// INVALID_ARGUMENT says what is out of bounds, and of several windows of which.
Status check(const Window& window);
Status check(const Windows& windows);

// As the fields `windows` of resources have them. Whether they are good is told by check().
Result<Windows> windows_from(const json::Value& holder);
json::Array to_json(const Windows& windows);

// The first of the windows' time zones that is not known; empty: all are.
std::string unknown_time_zone(const Windows& windows, const TimeZones& zones);

// When the window that is open opened, of several the first; the epoch when there are none at
// all, nothing when none is open.
std::optional<Instant> open_since(const Windows& windows, const TimeZones& zones, Instant now);

// Whether any is open, or there are none.
bool window_open(const Windows& windows, const TimeZones& zones, Instant now);

// `now` when window_open(), else when the next one opens; nothing when none ever does, for want of
// a time zone. REQUIRES: each window passes check().
std::optional<Instant> next_opening(const Windows& windows, const TimeZones& zones, Instant now);

}  // namespace hf::api
