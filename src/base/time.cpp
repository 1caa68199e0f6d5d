#include "base/time.h"

#include <array>
#include <charconv>
#include <cmath>

namespace hf {
namespace {

struct Unit {
    std::string_view suffix;
    std::int64_t nanoseconds;
};
constexpr std::array<Unit, 7> kUnits{{{"ns", 1},
                                      {"us", 1'000},
                                      {"ms", 1'000'000},
                                      {"s", 1'000'000'000},
                                      {"m", 60'000'000'000},
                                      {"h", 3'600'000'000'000},
                                      {"d", 86'400'000'000'000}}};

struct CivilTime {
    int year, month, day, hour, minute, second;
    std::int64_t nanosecond;
};

CivilTime civil(Instant instant) {
    const auto days = std::chrono::floor<std::chrono::days>(instant);
    const std::chrono::year_month_day date(days);
    const std::chrono::hh_mm_ss clock(instant - days);
    return {static_cast<int>(date.year()),
            static_cast<int>(static_cast<unsigned>(date.month())),
            static_cast<int>(static_cast<unsigned>(date.day())),
            static_cast<int>(clock.hours().count()),
            static_cast<int>(clock.minutes().count()),
            static_cast<int>(clock.seconds().count()),
            clock.subseconds().count()};
}

// Takes exactly `width` digits off the front of text; -1 when they are not there.
int take_digits(std::string_view& text, std::size_t width) {
    if (text.size() < width) return -1;
    int value = 0;
    for (char c : text.substr(0, width)) {
        if (c < '0' || c > '9') return -1;
        value = value * 10 + (c - '0');
    }
    text.remove_prefix(width);
    return value;
}

bool take(std::string_view& text, std::string_view any_of) {
    if (text.empty() || any_of.find(text.front()) == std::string_view::npos) return false;
    text.remove_prefix(1);
    return true;
}

// The fraction after a '.', in nanoseconds; digits past the ninth are dropped.
std::int64_t take_fraction(std::string_view& text) {
    std::int64_t nanoseconds = 0;
    std::int64_t scale = 100'000'000;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        nanoseconds += (text.front() - '0') * scale;
        scale /= 10;
        text.remove_prefix(1);
    }
    return nanoseconds;
}

// "Z", "+01:00" or nothing; minutes east of UTC, or nothing when it is none of these.
std::optional<int> take_offset_minutes(std::string_view& text) {
    if (text.empty() || take(text, "Zz")) return 0;
    const int sign = text.front() == '-' ? -1 : 1;
    if (!take(text, "+-")) return std::nullopt;
    const int hours = take_digits(text, 2);
    const bool colon = take(text, ":");
    const int minutes = take_digits(text, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || !colon) return std::nullopt;
    return sign * (hours * 60 + minutes);
}

}  // namespace

namespace {

void append_digits(std::string& text, int value, std::size_t digits) {
    text.append(digits, '0');
    for (auto at = text.rbegin(); digits > 0; --digits, ++at, value /= 10) {
        *at = static_cast<char>('0' + value % 10);
    }
}

// Without fmt: every receipt has one. "2026-11-24T09:17:15"
std::string format_seconds(const CivilTime& t) {
    if (t.year < 0 || t.year > 9999) {
        return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", t.year, t.month, t.day, t.hour,
                           t.minute, t.second);
    }
    std::string text;
    append_digits(text, t.year, 4);
    for (const auto& [mark, value] :
         {std::pair('-', t.month), std::pair('-', t.day), std::pair('T', t.hour),
          std::pair(':', t.minute), std::pair(':', t.second)}) {
        text += mark;
        append_digits(text, value, 2);
    }
    return text;
}

}  // namespace

std::string format_rfc3339(Instant instant) {
    return format_seconds(civil(instant)) + "Z";
}

std::string format_rfc3339_micros(Instant instant) {
    const CivilTime t = civil(instant);
    std::string text = format_seconds(t);
    text += '.';
    append_digits(text, static_cast<int>(t.nanosecond / 1000), 6);
    return text += 'Z';
}

Result<Instant> parse_rfc3339(std::string_view text) {
    const Status bad =
        invalid_argument("'{}' is not an RFC 3339 time such as 2026-11-24T09:17:15Z", text);
    const int year = take_digits(text, 4);
    const bool dash1 = take(text, "-");
    const int month = take_digits(text, 2);
    const bool dash2 = take(text, "-");
    const int day = take_digits(text, 2);
    const bool separator = take(text, "Tt ");
    const int hour = take_digits(text, 2);
    const bool colon1 = take(text, ":");
    const int minute = take_digits(text, 2);
    const bool colon2 = take(text, ":");
    const int second = take_digits(text, 2);
    if (year < 0 || !dash1 || !dash2 || !separator || !colon1 || !colon2) return bad;
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) return bad;
    if (month < 0 || day < 0) return bad;
    std::int64_t nanoseconds = 0;
    if (take(text, ".")) nanoseconds = take_fraction(text);
    const std::optional<int> offset_minutes = take_offset_minutes(text);
    if (!offset_minutes || !text.empty()) return bad;
    const std::chrono::year_month_day date(std::chrono::year{year},
                                           std::chrono::month{static_cast<unsigned>(month)},
                                           std::chrono::day{static_cast<unsigned>(day)});
    if (!date.ok() || year < 1700 || year > 2250) return bad;
    return Instant(std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
                   std::chrono::minutes(minute - *offset_minutes) + std::chrono::seconds(second) +
                   Duration(nanoseconds));
}

Result<Duration> parse_duration(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view suffix(end, static_cast<std::size_t>(text.data() + text.size() - end));
    for (const Unit& unit : kUnits) {
        if (error != std::errc() || suffix != unit.suffix) continue;
        const double nanoseconds = number * static_cast<double>(unit.nanoseconds);
        if (!(std::abs(nanoseconds) < 9.2e18)) break;
        return Duration(std::llround(nanoseconds));
    }
    return invalid_argument("'{}' is not a duration such as 250ms, 1.5s, 3m or 2h", text);
}

std::string format_duration(Duration duration) {
    const std::int64_t count = duration.count();
    if (count == 0) return "0s";
    std::string text;
    for (const Unit& unit : kUnits) {
        if (count % unit.nanoseconds == 0) {
            text = fmt::format("{}{}", count / unit.nanoseconds, unit.suffix);
        }
    }
    return text;
}

}  // namespace hf
