// Maintenance windows: when nodes may be changed. A window opens on some days of the week at a time
// of day in its own fixed offset from UTC, and may run past midnight.
//
// The node judges its windows by its own clock before it begins the work of an order; the roll-out
// asks too, so that no order uses up the disruption budget while it waits for a window.
//
// Pure functions; the time is handed in.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"

namespace hf::control::rollout {

inline constexpr int kMinutesPerDay = 1440;
inline constexpr int kUtcOffsetMinutesMax = 14 * 60;  // and no less than its negative
inline constexpr std::uint8_t kEveryDay = 0x7f;

struct Window {
    std::uint8_t days = kEveryDay;  // bit 0 is Monday
    int start_minutes = 0;          // after midnight
    int duration_minutes = kMinutesPerDay;
    int utc_offset_minutes = 0;  // east of UTC
    friend bool operator==(const Window&, const Window&) = default;
};

// "Mon" to "Sun"; nothing otherwise.
std::optional<int> day_named(std::string_view name);
std::string_view day_name(int day);

// "06:30" to minutes after midnight.
Result<int> parse_time_of_day(std::string_view text);

// INVALID_ARGUMENT says what is out of bounds.
Status check(const Window& window);

// When the window that is open opened, of several the first; the epoch when there are none at
// all, nothing when none is open.
std::optional<Instant> open_since(const std::vector<Window>& windows, Instant now);

// Whether any is open, or there are none.
bool window_open(const std::vector<Window>& windows, Instant now);

// `now` when window_open(), else when the next one opens. REQUIRES: each window passes check().
Instant next_opening(const std::vector<Window>& windows, Instant now);

}  // namespace hf::control::rollout
