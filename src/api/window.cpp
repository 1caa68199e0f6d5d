#include "api/window.h"

#include <algorithm>
#include <array>

#include "base/json_lists.h"

namespace hf::api {
namespace {

using std::chrono::days;
using std::chrono::minutes;

constexpr std::array<std::string_view, 7> kDays{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

// Nullptr when it is not known.
const TimeZone* zone_of(const Window& window, const TimeZones& zones) {
    const auto at = zones.find(window.time_zone);
    return at == zones.end() ? nullptr : &at->second;
}

// The window's opening on the local day that is `offset` days from that of `now`; nothing when it
// does not open on that day.
std::optional<Instant> opening(const Window& window, const TimeZone& zone, Instant now,
                               int offset) {
    const auto day = std::chrono::floor<days>(now + zone.offset_at(now)) + days(offset);
    const unsigned weekday = std::chrono::weekday(day).iso_encoding() - 1;
    if (((window.days >> weekday) & 1) == 0) return std::nullopt;
    return zone.from_local(Instant(day) + minutes(window.start_minutes));
}

// The clocks that a window goes by.
class Clocks {
public:
    Clocks(const Window& window, const TimeZones& zones)
        : fixed_(TimeZone::fixed(minutes(window.utc_offset_minutes))),
          zone_(window.time_zone.empty() ? &fixed_ : zone_of(window, zones)) {}
    Clocks(const Clocks&) = delete;
    Clocks& operator=(const Clocks&) = delete;

    explicit operator bool() const { return zone_ != nullptr; }
    const TimeZone& operator*() const { return *zone_; }

private:
    const TimeZone fixed_;
    const TimeZone* const zone_;
};

Result<Window> window_from(const json::Value& value) {
    constexpr std::int64_t kOut = 1 << 20;  // is out of bounds as well, and fits
    Window window;
    const auto bounded = [&](std::string_view key, std::int64_t fallback) {
        return static_cast<int>(std::clamp(json::get_int(value, key, fallback), -kOut, kOut));
    };
    if (!json::items_of(value, "days").empty()) window.days = 0;
    for (const json::Value& day : json::items_of(value, "days")) {
        const std::string_view name =
            day.is_string() ? json::as_view(day.get_string()) : std::string_view();
        const std::optional<int> known = day_named(name);
        if (!known) return invalid_argument("days: '{}' is not one of Mon to Sun", name);
        window.days = static_cast<std::uint8_t>(window.days | (1u << *known));
    }
    window.start_minutes =
        HF_TRY(parse_time_of_day(json::get_string(value, "start")).context("start"));
    window.duration_minutes = bounded("durationMinutes", 0);
    window.utc_offset_minutes = bounded("utcOffsetMinutes", 0);
    window.time_zone = json::get_string(value, "timeZone");
    return window;
}

json::Value json_of(const Window& window) {
    json::Object object;
    json::Array days;
    for (int day = 0; day < 7; ++day) {
        if (((window.days >> day) & 1) != 0) days.emplace_back(day_name(day));
    }
    object["days"] = std::move(days);
    object["start"] =
        fmt::format("{:02}:{:02}", window.start_minutes / 60, window.start_minutes % 60);
    object["durationMinutes"] = window.duration_minutes;
    if (window.time_zone.empty()) {
        object["utcOffsetMinutes"] = window.utc_offset_minutes;
    } else {
        object["timeZone"] = window.time_zone;
    }
    return object;
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
    if (window.time_zone.empty()) return {};
    if (!is_time_zone_name(window.time_zone)) {
        return invalid_argument("timeZone: '{}' is no name of one, as 'Europe/Berlin' is",
                                window.time_zone.substr(0, kTimeZoneNameBytesMax));
    }
    if (window.utc_offset_minutes == 0) return {};
    return invalid_argument("utcOffsetMinutes: say either this or timeZone");
}

Status check(const Windows& windows) {
    if (windows.size() > kWindowsMax) {
        return invalid_argument("windows: there are {}; want at most {}", windows.size(),
                                kWindowsMax);
    }
    for (std::size_t i = 0; i < windows.size(); ++i) {
        HF_TRY(check(windows[i]).context("windows[{}]", i));
    }
    return {};
}

Result<Windows> windows_from(const json::Value& holder) {
    Windows windows;
    for (const json::Value& item : json::items_of(holder, "windows")) {
        windows.push_back(HF_TRY(window_from(item).context("windows[{}]", windows.size())));
    }
    return windows;
}

json::Array to_json(const Windows& windows) {
    json::Array array;
    for (const Window& window : windows) array.push_back(json_of(window));
    return array;
}

std::string unknown_time_zone(const Windows& windows, const TimeZones& zones) {
    for (const Window& window : windows) {
        if (!window.time_zone.empty() && !zone_of(window, zones)) return window.time_zone;
    }
    return {};
}

std::optional<Instant> open_since(const Windows& windows, const TimeZones& zones, Instant now) {
    if (windows.empty()) return Instant{};
    std::optional<Instant> since;
    for (const Window& window : windows) {
        const Clocks clocks(window, zones);
        // At most a day long: what is open now opened today or yesterday, or the day before that
        // when clocks went forward meanwhile.
        for (const int offset : {0, -1, -2}) {
            if (!clocks) continue;
            const std::optional<Instant> start = opening(window, *clocks, now, offset);
            const bool open =
                start && *start <= now && now < *start + minutes(window.duration_minutes);
            if (open && (!since || *start < *since)) since = start;
        }
    }
    return since;
}

bool window_open(const Windows& windows, const TimeZones& zones, Instant now) {
    return open_since(windows, zones, now).has_value();
}

std::optional<Instant> next_opening(const Windows& windows, const TimeZones& zones, Instant now) {
    if (window_open(windows, zones, now)) return now;
    std::optional<Instant> next;
    for (const Window& window : windows) {
        const Clocks clocks(window, zones);
        for (int offset = 0; clocks && offset <= 8; ++offset) {
            const std::optional<Instant> start = opening(window, *clocks, now, offset);
            if (!start || *start <= now) continue;
            if (!next || *start < *next) next = start;
            break;
        }
    }
    return next;
}

}  // namespace hf::api
