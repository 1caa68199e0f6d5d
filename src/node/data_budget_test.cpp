#include "node/data_budget.h"

#include <gtest/gtest.h>

#include "node/data_meter.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/script.h"

namespace hf::node {
namespace {

using std::chrono::hours;

constexpr DataLimit kLimit{1000, hours(24)};

TEST(DataBudget, WhatFitsAndWhenTheRestWill) {
    DataAccount account;
    bring_up_to_date(account, kLimit, Instant(hours(50)));
    EXPECT_EQ(account.began, Instant(hours(48)));
    account.used = 600;
    account.reserved = 100;
    EXPECT_EQ(check_fits(account, kLimit, 300), Status());
    const Status later = check_fits(account, kLimit, 301);
    EXPECT_EQ(later.code(), Code::kResourceExhausted);
    EXPECT_EQ(later.message(),
              "[data-budget] 301 B are to be fetched, and 300 B of 1000 B are left until "
              "1970-01-04T00:00:00Z; they fit then");
    const Status never = check_fits(account, kLimit, 1001);
    EXPECT_NE(never.message().find("they never fit: raise spec.link.dataBudget"),
              std::string_view::npos)
        << never.message();
    account.used = kDataBytesMax;
    EXPECT_FALSE(check_fits(account, kLimit, 1).ok());
    EXPECT_TRUE(check_fits(account, kLimit, 0).ok());
}

TEST(DataBudget, OnlyTimeThatGoesOnFreesIt) {
    DataAccount account;
    bring_up_to_date(account, kLimit, Instant(hours(48)));
    account.used = 600;
    bring_up_to_date(account, kLimit, Instant(hours(71)));
    EXPECT_EQ(account.used, 600U);
    bring_up_to_date(account, kLimit, Instant(hours(30)));
    bring_up_to_date(account, kLimit, Instant(hours(50)));
    EXPECT_EQ(account.used, 600U) << "the clock went back, and forth again";
    bring_up_to_date(account, {1000, hours(240)}, Instant(hours(50)));
    EXPECT_EQ(account.used, 600U) << "a longer period begins earlier";
    bring_up_to_date(account, kLimit, Instant(hours(72)));
    EXPECT_EQ(account.used, 0U);
    // A clock that was a year ahead does not hold the account for that year.
    bring_up_to_date(account, kLimit, Instant(hours(24 * 365)));
    account.used = 700;
    bring_up_to_date(account, kLimit, Instant(hours(73)));
    EXPECT_EQ(account.used, 700U);
    bring_up_to_date(account, kLimit, Instant(hours(96)));
    EXPECT_EQ(account.used, 0U);
}

TEST(DataBudget, ReadsBackWithWhatWasReserved) {
    const DataAccount written{Instant(hours(48)), 100, 50, "sha256:1", 4000};
    const DataAccount read = read_account(write_account(written)).value();
    EXPECT_EQ(read, (DataAccount{Instant(hours(48)), 150, 0, "sha256:1", 4000}));
    for (const char* bad :
         {"", "{}", "[]", R"({"version":2})",
          R"({"version":1,"began":"1970-01-01T00:00:00Z","used":-1,"reserved":0,"refusedBytes":0})",
          R"({"version":1,"began":"x","used":1,"reserved":0,"refusedBytes":0})"}) {
        EXPECT_FALSE(read_account(bad).ok()) << bad;
    }
}

struct World {
    testing::MemoryFiles files;
    testing::ManualClock clock{Instant(hours(48))};
    DataMeter meter{files, clock, "data.json"};
};

TEST(DataMeter, WhatCameTakesThePlaceOfWhatWasReserved) {
    World world;
    ASSERT_EQ(world.meter.begin(kLimit, "d1"), Status());
    ASSERT_EQ(world.meter.reserve(400), Status());
    world.meter.received(150);
    world.meter.received(50);
    ASSERT_EQ(world.meter.end(true), Status());
    EXPECT_EQ(world.meter.account().used, 200U);
    DataMeter after(world.files, world.clock, "data.json");
    ASSERT_EQ(after.begin(kLimit, "d2"), Status());
    EXPECT_EQ(after.account().used, 200U);
    EXPECT_EQ(after.reserve(801).code(), Code::kResourceExhausted);
}

TEST(DataMeter, ACrashCountsAllThatWasReserved) {
    World world;
    ASSERT_EQ(world.meter.begin(kLimit, "d1"), Status());
    ASSERT_EQ(world.meter.reserve(400), Status());
    world.meter.received(1);
    Rng rng(testing::seed());
    world.files.lose_power(rng);
    DataMeter after(world.files, world.clock, "data.json");
    ASSERT_EQ(after.begin(kLimit, "d1"), Status());
    EXPECT_EQ(after.account().used, 400U);
}

TEST(DataMeter, WhatDidNotFitIsNotAskedForAgainUntilItDoes) {
    World world;
    ASSERT_EQ(world.meter.begin(kLimit, "d1"), Status());
    ASSERT_EQ(world.meter.reserve(900), Status());
    world.meter.received(900);
    ASSERT_EQ(world.meter.end(true), Status());
    ASSERT_EQ(world.meter.begin(kLimit, "d2"), Status());
    ASSERT_FALSE(world.meter.reserve(500).ok());
    ASSERT_EQ(world.meter.end(false), Status());
    DataMeter after(world.files, world.clock, "data.json");
    EXPECT_EQ(after.begin(kLimit, "d2").code(), Code::kResourceExhausted) << "without a request";
    EXPECT_EQ(after.begin(kLimit, "d3"), Status()) << "another version may be smaller";
    EXPECT_EQ(after.begin(DataLimit{2000, hours(24)}, "d2"), Status()) << "the budget was raised";
    world.clock.advance(hours(24));
    EXPECT_EQ(after.begin(kLimit, "d2"), Status());
    EXPECT_EQ(after.begin(std::nullopt, "d2"), Status());
    EXPECT_EQ(after.reserve(kDataBytesMax), Status()) << "without a budget";
}

TEST(DataMeter, AnAccountThatCannotBeReadIsUsedUp) {
    World world;
    ASSERT_EQ(world.files.write("data.json", as_bytes(std::string_view("?"))), Status());
    EXPECT_EQ(world.meter.begin(kLimit, "d1").code(), Code::kDataLoss);
    ASSERT_EQ(world.meter.begin(kLimit, "d1"), Status());
    EXPECT_FALSE(world.meter.reserve(1).ok());
    ASSERT_EQ(world.meter.end(false), Status());
    world.clock.advance(hours(24));
    ASSERT_EQ(world.meter.begin(kLimit, "d1"), Status());
    EXPECT_EQ(world.meter.reserve(1000), Status());
}

}  // namespace
}  // namespace hf::node
