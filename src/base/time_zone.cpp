#include "base/time_zone.h"

#include <algorithm>
#include <limits>

namespace hf {
namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr std::int64_t kDay = 86'400;
constexpr std::int32_t kOffsetMax = 26 * 3600;  // RFC 9636, 3.2

std::int64_t seconds_of(Instant instant) {
    return std::chrono::floor<seconds>(instant.time_since_epoch()).count();
}

bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

}  // namespace

bool is_time_zone_name(std::string_view name) {
    if (name.empty() || name.size() > kTimeZoneNameBytesMax) return false;
    char last = '/';
    for (const char c : name) {
        if (c == '/' && last == '/') return false;
        const bool sign = c == '_' || c == '-' || c == '+' || c == '/';
        if (!is_letter(c) && !is_digit(c) && !sign) return false;
        last = c;
    }
    return last != '/';
}

// The POSIX TZ string: std offset [dst [offset] [,begin[/time],end[/time]]].
class TimeZone::RuleParser {
public:
    explicit RuleParser(std::string_view text) : all_(text), rest_(text) {}

    Result<Rule> parse() {
        Rule rule;
        HF_TRY(take_name());
        rule.east = -HF_TRY(take_time(24));
        if (rest_.empty()) return rule;
        HF_TRY(take_name());
        rule.summer_east = rule.east + 3600;
        if (!rest_.empty() && rest_.front() != ',') rule.summer_east = -HF_TRY(take_time(24));
        rule.begins = HF_TRY(take_day());
        rule.ends = HF_TRY(take_day());
        if (!rest_.empty()) return bad();
        return rule;
    }

private:
    Status bad() const {
        return invalid_argument("'{}' is not a rule for a time zone, at '{}'", all_.substr(0, 80),
                                rest_.substr(0, 20));
    }

    bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }

    Status take_name() {
        const bool quoted = take('<');
        std::size_t size = 0;
        while (size < rest_.size() &&
               (is_letter(rest_[size]) ||
                (quoted && (is_digit(rest_[size]) || rest_[size] == '+' || rest_[size] == '-')))) {
            ++size;
        }
        if (size < 3) return bad();
        rest_.remove_prefix(size);
        return !quoted || take('>') ? Status() : bad();
    }

    Result<int> take_number(int low, int high) {
        int value = 0;
        std::size_t size = 0;
        while (size < rest_.size() && size < 4 && is_digit(rest_[size])) {
            value = value * 10 + (rest_[size++] - '0');
        }
        if (size == 0 || value < low || value > high) return bad();
        rest_.remove_prefix(size);
        return value;
    }

    // [+-]hh[:mm[:ss]] in seconds.
    Result<std::int32_t> take_time(int hours_max) {
        const bool negative = take('-');
        if (!negative) static_cast<void>(take('+'));
        std::int32_t value = HF_TRY(take_number(0, hours_max)) * 3600;
        if (take(':')) {
            value += HF_TRY(take_number(0, 59)) * 60;
            if (take(':')) value += HF_TRY(take_number(0, 59));
        }
        return negative ? -value : value;
    }

    Result<YearDay> take_day() {
        YearDay day;
        if (!take(',')) return bad();
        if (take('J')) {
            day.form = YearDay::Form::kJulian;
            day.day = HF_TRY(take_number(1, 365));
        } else if (take('M')) {
            day.month = HF_TRY(take_number(1, 12));
            if (!take('.')) return bad();
            day.week = HF_TRY(take_number(1, 5));
            if (!take('.')) return bad();
            day.day = HF_TRY(take_number(0, 6));
        } else {
            day.form = YearDay::Form::kDayOfYear;
            day.day = HF_TRY(take_number(0, 365));
        }
        if (take('/')) day.time = HF_TRY(take_time(167));
        return day;
    }

    const std::string_view all_;
    std::string_view rest_;
};

// TZif: a block with times of 4 bytes, and in later versions another with times of 8, and a footer.
class TimeZone::FileParser {
public:
    explicit FileParser(ByteView bytes) : rest_(bytes) {}

    Result<TimeZone> parse() {
        const Counts first = HF_TRY(take_header());
        if (version_ == 0) return take_block(first, 4);
        HF_TRY(take(size_of(first, 4)));
        const Counts second = HF_TRY(take_header());
        TimeZone zone = HF_TRY(take_block(second, 8));
        const std::string_view footer = as_text(rest_);
        const std::size_t end = footer.find('\n', 1);
        if (footer.empty() || footer.front() != '\n' || end == std::string_view::npos) {
            return invalid_argument("its footer is missing");
        }
        const std::string_view rule = footer.substr(1, end - 1);
        if (!rule.empty()) zone.rule_ = HF_TRY(RuleParser(rule).parse());
        return zone;
    }

private:
    struct Counts {
        std::uint64_t universal = 0, standard = 0, leaps = 0, times = 0, types = 0, letters = 0;
    };

    static std::uint64_t size_of(const Counts& c, std::uint64_t time_bytes) {
        return c.times * (time_bytes + 1) + c.types * 6 + c.letters + c.leaps * (time_bytes + 4) +
               c.standard + c.universal;
    }

    Result<ByteView> take(std::uint64_t size) {
        if (size > rest_.size()) return invalid_argument("it is cut off");
        const ByteView taken = rest_.first(static_cast<std::size_t>(size));
        rest_ = rest_.subspan(taken.size());
        return taken;
    }

    // Big-endian, of all bytes of the view.
    static std::int64_t number(ByteView bytes) {
        std::uint64_t value = 0;
        for (const std::uint8_t byte : bytes) value = value << 8 | byte;
        return bytes.size() == 4 ? static_cast<std::int32_t>(static_cast<std::uint32_t>(value))
                                 : static_cast<std::int64_t>(value);
    }

    Result<Counts> take_header() {
        const ByteView header = HF_TRY(take(44));
        if (as_text(header.first(4)) != "TZif") return invalid_argument("it is no TZif file");
        version_ = header[4];
        const auto count = [&](std::size_t at) {
            return static_cast<std::uint64_t>(
                static_cast<std::uint32_t>(number(header.subspan(20 + 4 * at, 4))));
        };
        const Counts counts{count(0), count(1), count(2), count(3), count(4), count(5)};
        if (counts.types == 0) return invalid_argument("it has no type of local time");
        return counts;
    }

    Result<TimeZone> take_block(const Counts& counts, std::size_t time_bytes) {
        ByteView block = HF_TRY(take(size_of(counts, time_bytes)));
        const auto next = [&block](std::uint64_t size) {
            const ByteView part = block.first(static_cast<std::size_t>(size));
            block = block.subspan(part.size());
            return part;
        };
        const ByteView times = next(counts.times * time_bytes);
        const ByteView kinds = next(counts.times);
        const ByteView types = next(counts.types * 6);
        std::vector<std::int32_t> easts;
        for (std::size_t i = 0; i < types.size(); i += 6) {
            const std::int64_t east = number(types.subspan(i, 4));
            if (east < -kOffsetMax || east > kOffsetMax) {
                return invalid_argument("{} s is no offset from UTC", east);
            }
            easts.push_back(static_cast<std::int32_t>(east));
        }
        TimeZone zone;
        zone.first_east_ = easts.front();
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            const Change change{number(times.subspan(i * time_bytes, time_bytes)),
                                kinds[i] < easts.size() ? easts[kinds[i]] : kOffsetMax + 1};
            const bool later = zone.changes_.empty() || zone.changes_.back().at < change.at;
            if (change.east > kOffsetMax || !later) {
                return invalid_argument("its change {} is out of order or of no type", i);
            }
            zone.changes_.push_back(change);
        }
        return zone;
    }

    ByteView rest_;
    std::uint8_t version_ = 0;
};

TimeZone TimeZone::fixed(std::chrono::seconds east) {
    TimeZone zone;
    zone.first_east_ = static_cast<std::int32_t>(east.count());
    return zone;
}

Result<TimeZone> TimeZone::parse(ByteView tzif) {
    if (tzif.size() > kTimeZoneBytesMax) {
        return invalid_argument("it has {} bytes; {} at most", tzif.size(), kTimeZoneBytesMax);
    }
    return FileParser(tzif).parse();
}

Result<TimeZone> TimeZone::parse_rule(std::string_view text) {
    TimeZone zone;
    zone.rule_ = HF_TRY(RuleParser(text).parse());
    return zone;
}

// The local seconds, as if they were UTC, at which the clocks change in that year.
std::int64_t TimeZone::moment(const YearDay& day, int year) {
    using std::chrono::sys_days;
    using std::chrono::weekday;
    const std::chrono::year y(year);
    sys_days date = sys_days(y / std::chrono::January / 1);
    switch (day.form) {
        case YearDay::Form::kDayOfYear: date += days(day.day); break;
        case YearDay::Form::kJulian:
            date += days(day.day - 1 + (y.is_leap() && day.day >= 60 ? 1 : 0));
            break;
        case YearDay::Form::kWeekday: {
            const weekday which(static_cast<unsigned>(day.day));
            const std::chrono::month month(static_cast<unsigned>(day.month));
            date = day.week == 5 ? sys_days(y / month / which[std::chrono::last])
                                 : sys_days(y / month / which[static_cast<unsigned>(day.week)]);
        }
    }
    return date.time_since_epoch().count() * kDay + day.time;
}

std::int32_t TimeZone::offset_by(const Rule& rule, std::int64_t at) {
    if (!rule.summer_east) return rule.east;
    const auto date = std::chrono::sys_days(std::chrono::floor<days>(seconds(at + rule.east)));
    const int year = static_cast<int>(std::chrono::year_month_day(date).year());
    const std::int64_t begins = moment(rule.begins, year) - rule.east;
    const std::int64_t ends = moment(rule.ends, year) - *rule.summer_east;
    // In the south, summer lasts over the turn of the year.
    const bool summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;
    return summer ? *rule.summer_east : rule.east;
}

std::chrono::seconds TimeZone::offset_at(Instant instant) const {
    const std::int64_t at = seconds_of(instant);
    const auto after = std::upper_bound(changes_.begin(), changes_.end(), at,
                                        [](std::int64_t t, const Change& c) { return t < c.at; });
    if (after == changes_.end() && rule_) return seconds(offset_by(*rule_, at));
    return seconds(after == changes_.begin() ? first_east_ : std::prev(after)->east);
}

Instant TimeZone::from_local(Instant local) const {
    // No place changes its clocks twice in two days; the offset is that of a day before or after.
    const seconds before = offset_at(local - days(1));
    const seconds behind = offset_at(local + days(1));
    for (const seconds east : {before, behind}) {
        if (offset_at(local - east) == east) return local - east;
    }
    return local - before;
}

}  // namespace hf
