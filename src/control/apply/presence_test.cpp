// Which server hears which node: written when it changes, and never else.

#include "control/apply/presence.h"

#include <gtest/gtest.h>

#include "base/mutex.h"
#include "base/rng.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/real_clock.h"
#include "testing/script.h"

namespace hf::control {
namespace {

using namespace std::chrono_literals;
using Seen = std::map<std::string, HeardBy>;

TEST(PresenceTable, EntersOnceAndLeavesAfterATerm) {
    PresenceTable table("s", 1500ms);
    EXPECT_TRUE(table.idle());
    table.heard("n", 0ms);
    EXPECT_EQ(table.changes({}, 0ms).enter, std::vector<std::string>{"n"});
    const Seen here{{"n", {"s", store::Revision{3}}}};
    for (Duration now = 500ms; now <= 10s; now += 500ms) {
        table.heard("n", now);
        const auto changes = table.changes(here, now);
        EXPECT_TRUE(changes.enter.empty() && changes.silent.empty()) << "nothing new to say";
    }
    EXPECT_TRUE(table.changes(here, 11500ms).silent.empty());
    const auto left = table.changes(here, 11501ms).silent;
    ASSERT_EQ(left.size(), 1u);
    EXPECT_EQ(left[0].key, "/heard/n");
    EXPECT_EQ(left[0].modified, store::Revision{3});
    EXPECT_TRUE(table.idle());
}

TEST(PresenceTable, OneWhoseConnectionEndedHasASecondToComeAgain) {
    PresenceTable table("s", 1500ms);
    const Seen here{{"n", {"s", store::Revision{3}}}};
    table.heard("n", 0ms);
    table.parted("n", 100ms);
    EXPECT_TRUE(table.changes(here, 1100ms).silent.empty());
    EXPECT_EQ(table.changes(here, 1101ms).silent.size(), 1u);
    table.heard("n", 2s);
    table.parted("n", 2s);
    table.heard("n", 2900ms);
    EXPECT_TRUE(table.changes(here, 3100ms).silent.empty()) << "it came again";
    table.parted("stranger", 3s);
    EXPECT_TRUE(table.changes(here, 3200ms).enter.empty());
}

TEST(PresenceTable, ALostLeaseIsMadeGoodAtTheNextHeartbeat) {
    PresenceTable table("s", 1500ms);
    table.heard("n", 0ms);
    table.changes({}, 0ms);
    EXPECT_TRUE(table.changes({}, 400ms).enter.empty()) << "not heard since";
    table.heard("n", 500ms);
    EXPECT_EQ(table.changes({}, 600ms).enter.size(), 1u);
}

TEST(PresenceTable, OneFromBeforeARestartHasATerm) {
    PresenceTable table("s", 1500ms);
    const Seen old{{"n", {"s", store::Revision{3}}}};
    EXPECT_TRUE(table.changes(old, 100s).silent.empty());
    EXPECT_TRUE(table.changes(old, 101s).silent.empty());
    EXPECT_EQ(table.changes(old, 101600ms).silent.size(), 1u);
}

// A node speaks to one of three servers at a time and changes at random; whatever the order of
// their beats, it is entered under the server that it speaks to, soon and for good.
TEST(PresenceTable, ANodeBelongsToTheServerThatItSpeaksTo) {
    Rng rng(testing::seed());
    std::vector<PresenceTable> tables;
    for (const char* name : {"s0", "s1", "s2"}) tables.emplace_back(name, 1500ms);
    Seen seen;
    std::int64_t revision = 0;
    std::size_t speaks_to = 0;
    Duration changed{0};
    int writes = 0;
    for (Duration now = 0ms; now < 500s; now += 50ms) {
        if (rng.below(200) == 0) {
            speaks_to = rng.below(3);
            changed = now;
        }
        if (now % 500ms == 0ms) tables[speaks_to].heard("n", now);
        for (std::size_t i = 0; i < tables.size(); ++i) {
            if ((now / 50ms + static_cast<std::int64_t>(3 * i)) % 10 != 0) continue;
            const auto changes = tables[i].changes(seen, now);
            for (const store::Compare& silent : changes.silent) {
                ++writes;
                const auto at = seen.find("n");
                if (at == seen.end() || at->second.at != silent.modified) continue;
                at->second = {"", store::Revision{++revision}};
            }
            if (changes.enter.empty()) continue;
            ++writes;
            seen["n"] = {fmt::format("s{}", i), store::Revision{++revision}};
        }
        if (now - changed < 2500ms) continue;
        ASSERT_EQ(seen.count("n"), 1u) << now / 1ms;
        ASSERT_EQ(seen["n"].server, fmt::format("s{}", speaks_to)) << now / 1ms;
    }
    EXPECT_LT(writes, 400) << "of 10000 steps and 1000 heartbeats";
}

TEST(Presence, TellsTheLeaderOfAnotherServersNodes) {
    testing::RealClock clock;
    const auto store = store::make_memory_store(clock);
    auto presence = Presence::start(*store, clock, "other", 1500ms);
    Mutex mutex;
    ConditionVariable told;
    bool news = false;
    HeardElsewhere elsewhere(*store, "me", [&] {
        const MutexLock lock(mutex);
        news = true;
        told.notify_all();
    });
    EXPECT_TRUE(elsewhere.update()->heard.empty());
    presence->heard("n");
    const auto wait = [&] {
        MutexLock lock(mutex);
        const bool came = told.wait_for(lock, 20s, [&] { return news; });
        news = false;
        return came;
    };
    ASSERT_TRUE(wait());
    const std::set<std::string> n{"n"};
    EXPECT_EQ(elsewhere.update()->heard, n);
    EXPECT_TRUE(HeardElsewhere(*store, "other", nullptr).update()->heard.empty())
        << "not elsewhere";
    ASSERT_TRUE(wait()) << "silent for a term";
    const HeardElsewhere::News silent = elsewhere.update().value();
    EXPECT_TRUE(silent.heard.empty());
    EXPECT_EQ(silent.silent, n);
    EXPECT_TRUE(elsewhere.update()->silent.empty()) << "is told once";
    presence->heard("n");
    ASSERT_TRUE(wait());
    EXPECT_EQ(elsewhere.update()->heard, n);
    presence.reset();
    const HeardElsewhere::News gone = elsewhere.update().value();
    EXPECT_TRUE(gone.heard.empty()) << "a server that stops takes its nodes with it";
    EXPECT_TRUE(gone.silent.empty()) << "which have time to go to another";
}

}  // namespace
}  // namespace hf::control
