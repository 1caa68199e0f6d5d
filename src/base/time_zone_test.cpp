#include "base/time_zone.h"

#include <gtest/gtest.h>

namespace hf {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

Instant at(std::string_view text) {
    return parse_rfc3339(text).value();
}

void put(Bytes& bytes, std::int64_t value, int size) {
    for (int i = size - 1; i >= 0; --i) {
        bytes.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8 * i)));
    }
}

struct File {
    std::vector<std::pair<std::int64_t, int>> changes;  // when; to which type
    std::vector<std::int64_t> easts{0};
    std::string footer = "\nUTC0\n";
    char version = '2';
    std::int64_t claimed_times = -1;
};

void put_block(Bytes& bytes, const File& file, int time_bytes) {
    const auto times = static_cast<std::int64_t>(file.changes.size());
    for (const char c : std::string_view("TZif")) bytes.push_back(static_cast<std::uint8_t>(c));
    bytes.push_back(static_cast<std::uint8_t>(file.version == '1' ? 0 : file.version));
    for (int i = 0; i < 15; ++i) bytes.push_back(0);
    for (const std::int64_t count :
         {std::int64_t{0}, std::int64_t{0}, std::int64_t{0},
          file.claimed_times < 0 ? times : file.claimed_times,
          static_cast<std::int64_t>(file.easts.size()), std::int64_t{1}}) {
        put(bytes, count, 4);
    }
    for (const auto& [when, type] : file.changes) put(bytes, when, time_bytes);
    for (const auto& [when, type] : file.changes) put(bytes, type, 1);
    for (const std::int64_t east : file.easts) {
        put(bytes, east, 4);
        put(bytes, 0, 2);
    }
    bytes.push_back(0);
}

Bytes write(const File& file) {
    Bytes bytes;
    put_block(bytes, file, 4);
    if (file.version == '1') return bytes;
    put_block(bytes, file, 8);
    for (const char c : file.footer) bytes.push_back(static_cast<std::uint8_t>(c));
    return bytes;
}

TEST(TimeZone, ByItsRule) {
    struct Case {
        const char* rule;
        const char* when;
        seconds east;
    };
    constexpr const char* kBerlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    constexpr const char* kSydney = "AEST-10AEDT,M10.1.0,M4.1.0/3";
    constexpr const char* kDublin = "IST-1GMT0,M10.5.0,M3.5.0/1";
    for (const Case& c : {
             Case{kBerlin, "2026-03-29T00:59:59Z", hours(1)},
             Case{kBerlin, "2026-03-29T01:00:00Z", hours(2)},
             Case{kBerlin, "2026-10-25T00:59:59Z", hours(2)},
             Case{kBerlin, "2026-10-25T01:00:00Z", hours(1)},
             Case{kSydney, "2026-01-01T00:00:00Z", hours(11)},
             Case{kSydney, "2025-12-31T23:59:59Z", hours(11)},
             Case{kSydney, "2026-04-04T15:59:59Z", hours(11)},
             Case{kSydney, "2026-04-04T16:00:00Z", hours(10)},
             Case{kSydney, "2026-10-03T16:00:00Z", hours(11)},
             Case{kDublin, "2026-07-01T00:00:00Z", hours(1)},
             Case{kDublin, "2026-01-01T00:00:00Z", hours(0)},
             Case{"<+0545>-5:45", "2026-07-01T00:00:00Z", minutes(345)},
             Case{"EST5", "2026-07-01T00:00:00Z", -hours(5)},
             Case{"XXX3YYY2:30,J60/0,J300/0", "2028-03-01T03:00:00Z", -minutes(150)},
             Case{"XXX3YYY2:30,J60/0,J300/0", "2028-03-01T02:59:59Z", -hours(3)},
             Case{"XXX3YYY,59/0,300/0", "2028-02-29T03:00:00Z", -hours(2)},
             Case{"XXX3YYY,59/0,300/0", "2027-03-01T02:59:59Z", -hours(3)},
             Case{"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29T01:00:00Z", -hours(1)},
         }) {
        const Result<TimeZone> zone = TimeZone::parse_rule(c.rule);
        ASSERT_TRUE(zone.ok()) << zone.status().message();
        EXPECT_EQ(zone->offset_at(at(c.when)), c.east) << c.rule << " " << c.when;
    }
}

TEST(TimeZone, RulesThatDoNotReadAreRefused) {
    for (const char* bad :
         {"", "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
          "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/168",
          "CET-1CEST,J0,J1", "CET-1CEST,366,1", "<CET-1", "CET-1CEST,M3.5.0,M10.5.0x",
          "CET-1:60"}) {
        EXPECT_EQ(TimeZone::parse_rule(bad).status().code(), Code::kInvalidArgument) << bad;
    }
}

TEST(TimeZone, ByItsFile) {
    File file;
    file.changes = {{1000, 1}, {2000, 2}};
    file.easts = {60, 3600, 7200};
    file.footer = "\nAAA-3\n";
    const TimeZone zone = TimeZone::parse(write(file)).value();
    const auto east = [](const TimeZone& of, std::int64_t t) {
        return of.offset_at(Instant(seconds(t))).count();
    };
    EXPECT_EQ(east(zone, 999), 60);
    EXPECT_EQ(east(zone, 1000), 3600);
    EXPECT_EQ(east(zone, 1999), 3600);
    EXPECT_EQ(east(zone, 2000), 3 * 3600) << "behind the last change the footer counts";
    file.footer = "\n\n";
    EXPECT_EQ(east(TimeZone::parse(write(file)).value(), 4'000'000'000), 7200);
    file.version = '1';
    EXPECT_EQ(east(TimeZone::parse(write(file)).value(), 2000), 7200);
    EXPECT_EQ(east(TimeZone::fixed(seconds(-90)), 5), -90);
}

TEST(TimeZone, FilesThatDoNotReadAreRefused) {
    File good;
    good.changes = {{1000, 1}, {2000, 0}};
    good.easts = {0, 3600};
    const Bytes bytes = write(good);
    ASSERT_TRUE(TimeZone::parse(bytes).ok());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        EXPECT_FALSE(TimeZone::parse(cut).ok()) << size;
    }
    std::vector<File> bad(6, good);
    bad[0].changes = {{2000, 1}, {1000, 0}};
    bad[1].changes = {{1000, 2}};
    bad[2].easts = {0, 100'000};
    bad[3].easts = {};
    bad[4].footer = "\nCET\n";
    bad[5].claimed_times = 0xffffffff;
    for (const File& file : bad) EXPECT_FALSE(TimeZone::parse(write(file)).ok());
    Bytes other = bytes;
    other[0] = 'X';
    EXPECT_FALSE(TimeZone::parse(other).ok());
    EXPECT_FALSE(TimeZone::parse(Bytes(kTimeZoneBytesMax + 1)).ok());
}

TEST(TimeZone, FromLocalTimeAndBack) {
    const TimeZone berlin = TimeZone::parse_rule("CET-1CEST,M3.5.0,M10.5.0/3").value();
    EXPECT_EQ(berlin.from_local(at("2026-07-01T12:00:00Z")), at("2026-07-01T10:00:00Z"));
    // Left out when clocks go forward: as much later.
    EXPECT_EQ(berlin.from_local(at("2026-03-29T02:30:00Z")), at("2026-03-29T01:30:00Z"));
    EXPECT_EQ(berlin.from_local(at("2026-03-29T03:00:00Z")), at("2026-03-29T01:00:00Z"));
    // Shown twice when they go back: the first.
    EXPECT_EQ(berlin.from_local(at("2026-10-25T02:30:00Z")), at("2026-10-25T00:30:00Z"));
    EXPECT_EQ(berlin.from_local(at("2026-10-25T03:00:00Z")), at("2026-10-25T02:00:00Z"));
    for (Instant t = at("2026-01-01T00:00:00Z"); t < at("2027-01-01T00:00:00Z"); t += minutes(29)) {
        const Instant local = t + berlin.offset_at(t);
        const Instant back = berlin.from_local(local);
        ASSERT_TRUE(back == t || back == t - hours(1)) << format_rfc3339(t);
        ASSERT_EQ(back + berlin.offset_at(back), local);
    }
}

TEST(TimeZone, NamesStayBelowTheirFolder) {
    for (const char* good : {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires", "Etc/GMT+5",
                             "America/Port-au-Prince"}) {
        EXPECT_TRUE(is_time_zone_name(good)) << good;
    }
    for (const char* bad : {"", "/UTC", "UTC/", "a//b", "../x", "a/../b", ".", "a b", "a\nb"}) {
        EXPECT_FALSE(is_time_zone_name(bad)) << bad;
    }
    EXPECT_FALSE(is_time_zone_name(std::string(kTimeZoneNameBytesMax + 1, 'a')));
}

}  // namespace
}  // namespace hf
