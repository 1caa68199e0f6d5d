#include "control/rollout/window.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace hf::control::rollout {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// The window's opening on the local day that is `offset` days from that of `now`, in UTC; nothing
// when it does not open on that day.
std::optional<Instant> opening(const Window& window, Instant now, int offset) {
    const Instant local = now + minutes(window.utc_offset_minutes);
    const auto day = std::chrono::floor<days>(local) + days(offset);
    const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
    if (((window.days >> weekday) & 1) == 0) return std::nullopt;
    return Instant(day) + minutes(window.start_minutes - window.utc_offset_minutes);
}

}  // namespace

std::optional<int> day_named(std::string_view name) {
    const auto at = std::find(kDays.begin(), kDays.end(), name);
    if (at == kDays.end()) return std::nullopt;
    return static_cast<int>(at - kDays.begin());
}

std::string_view day_name(int day) {
    return kDays[static_cast<std::size_t>(day)];
}

Result<int> parse_time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t at) { return text[at] - '0'; };
    const auto is_digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9'; };
    if (text.size() == 5 && text[2] == ':' && is_digit(0) && is_digit(1) && is_digit(3) &&
        is_digit(4)) {
        const int hours = digit(0) * 10 + digit(1);
        const int minute = digit(3) * 10 + digit(4);
        if (hours < 24 && minute < 60) return hours * 60 + minute;
    }
    return invalid_argument("'{}' is not a time of day: want 'HH:MM', from '00:00' to '23:59'",
                            text.substr(0, 20));
}

Status check(const Window& window) {
    if ((window.days & kEveryDay) == 0 || window.days > kEveryDay) {
        return invalid_argument("days: a window opens on at least one of Mon to Sun");
    }
    if (window.start_minutes < 0 || window.start_minutes >= kMinutesPerDay) {
        return invalid_argument("start: want '00:00' to '23:59'");
    }
    if (window.duration_minutes < 1 || window.duration_minutes > kMinutesPerDay) {
        return invalid_argument("durationMinutes: {} is not within 1 and {}",
                                window.duration_minutes, kMinutesPerDay);
    }
    if (std::abs(window.utc_offset_minutes) > kUtcOffsetMinutesMax) {
        return invalid_argument("utcOffsetMinutes: {} is not within -{} and {}",
                                window.utc_offset_minutes, kUtcOffsetMinutesMax,
                                kUtcOffsetMinutesMax);
    }
    return {};
}

std::optional<Instant> open_since(const std::vector<Window>& windows, Instant now) {
    if (windows.empty()) return Instant{};
    std::optional<Instant> since;
    for (const Window& window : windows) {
        // At most a day long: what is open now opened today or yesterday.
        for (const int offset : {0, -1}) {
            const std::optional<Instant> start = opening(window, now, offset);
            const bool open =
                start && *start <= now && now < *start + minutes(window.duration_minutes);
            if (open && (!since || *start < *since)) since = start;
        }
    }
    return since;
}

bool window_open(const std::vector<Window>& windows, Instant now) {
    return open_since(windows, now).has_value();
}

Instant next_opening(const std::vector<Window>& windows, Instant now) {
    if (window_open(windows, now)) return now;
    std::optional<Instant> next;
    for (const Window& window : windows) {
        for (int offset = 0; offset <= 7; ++offset) {
            const std::optional<Instant> start = opening(window, now, offset);
            if (!start || *start <= now) continue;
            if (!next || *start < *next) next = start;
            break;
        }
    }
    HF_CHECK(next, "a checked window opens at least once in eight days");
    return *next;
}

}  // namespace hf::control::rollout
