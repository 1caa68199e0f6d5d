// TimeZone: how far the clocks of a place are from UTC, at any moment: a fixed offset, or what a
// compiled time-zone file says (TZif, RFC 9636: the changes it lists, and behind them the rule of
// its footer, as in "CET-1CEST,M3.5.0,M10.5.0/3").
//
// Pure; a value. The bytes are not trusted: INVALID_ARGUMENT says what is wrong with them.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"

namespace hf {

inline constexpr std::size_t kTimeZoneBytesMax = 256u << 10;
inline constexpr std::size_t kTimeZoneNameBytesMax = 64;

class TimeZone final {
public:
    static TimeZone fixed(std::chrono::seconds east);
    static Result<TimeZone> parse(ByteView tzif);

    // The rule of a POSIX TZ string alone.
    static Result<TimeZone> parse_rule(std::string_view text);

    // East of UTC.
    std::chrono::seconds offset_at(Instant instant) const;

    // When the clocks there show `local` (as if that were UTC). Of two moments the first; a time
    // that is left out, when clocks go forward, counts from before the change: 02:30 is 03:30 then.
    Instant from_local(Instant local) const;

    friend bool operator==(const TimeZone&, const TimeZone&) = default;

private:
    using seconds = std::chrono::seconds;
    struct Change {
        std::int64_t at = 0;  // seconds since 1970
        std::int32_t east = 0;
        friend bool operator==(const Change&, const Change&) = default;
    };
    // When in a year the clocks change, in local time of before.
    struct YearDay {
        enum class Form : unsigned char { kJulian, kDayOfYear, kWeekday };
        Form form = Form::kWeekday;
        int day = 0;    // of the year, from 1 without 29 February or from 0 with it; of the week
        int month = 1;  // kWeekday only: the `week`-th such day of the month, 5: the last
        int week = 1;
        std::int32_t time = 7200;  // seconds after midnight
        friend bool operator==(const YearDay&, const YearDay&) = default;
    };
    struct Rule {
        std::int32_t east = 0;
        std::optional<std::int32_t> summer_east;
        YearDay begins;
        YearDay ends;
        friend bool operator==(const Rule&, const Rule&) = default;
    };
    class RuleParser;
    class FileParser;

    static std::int64_t moment(const YearDay& day, int year);
    static std::int32_t offset_by(const Rule& rule, std::int64_t at);

    std::int32_t first_east_ = 0;  // before all changes
    std::vector<Change> changes_;  // ascending
    std::optional<Rule> rule_;     // after the last change
};

// By IANA name, as in "Europe/Berlin".
using TimeZones = std::map<std::string, TimeZone, std::less<>>;

// Whether the text can name a time zone, and nothing outside of a folder of them.
bool is_time_zone_name(std::string_view name);

}  // namespace hf
