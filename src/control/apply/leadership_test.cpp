// Who of several servers leads: the decision exhaustively, the shell over a store in memory and
// over etcd, and what a deposed leader can still do: nothing.

#include "control/apply/leadership.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/mutex.h"
#include "control/apply/fenced_store.h"
#include "store/etcd.h"
#include "store/memory.h"
#include "store/sqlite.h"
#include "testing/etcd_cluster.h"
#include "testing/manual_clock.h"
#include "testing/real_clock.h"
#include "testing/temp_dir.h"

namespace hf::control {
namespace {

using namespace std::chrono_literals;

store::KeyValue key(std::string name, int at) {
    return {std::string(kLeaderKey), std::move(name), store::Revision{at}, store::Revision{at},
            store::LeaseId{1}};
}

TEST(LeaderDecision, FollowsFromLeaseTokenAndKey) {
    const Candidacy none;
    const Candidacy candidate{store::LeaseId{1}, 10s, std::nullopt};
    const Candidacy leader{store::LeaseId{1}, 10s, store::Revision{5}};
    const struct {
        Candidacy self;
        std::optional<store::KeyValue> seen;
        Duration now;
        LeaderMove move;
    } cases[] = {
        {none, std::nullopt, 0s, LeaderMove::kAskForLease},
        {none, key("b", 5), 0s, LeaderMove::kAskForLease},
        {candidate, std::nullopt, 9s, LeaderMove::kWriteKey},
        {candidate, std::nullopt, 10s, LeaderMove::kAskForLease},
        {candidate, key("b", 5), 9s, LeaderMove::kFollow},
        {candidate, key("a", 5), 9s, LeaderMove::kWriteKey},  // its own, from before a restart
        {leader, key("a", 5), 9s, LeaderMove::kLead},
        {leader, key("a", 5), 10s, LeaderMove::kAskForLease},
        {leader, key("a", 6), 9s, LeaderMove::kStepDown},  // its own name, another's token
        {leader, key("b", 7), 9s, LeaderMove::kStepDown},
        {leader, std::nullopt, 9s, LeaderMove::kStepDown},
    };
    for (std::size_t i = 0; i < std::size(cases); ++i) {
        EXPECT_EQ(decide_leadership(cases[i].self, cases[i].seen, "a", cases[i].now), cases[i].move)
            << "case " << i;
    }
}

LeadershipOptions named(std::string name) {
    LeadershipOptions options;
    options.name = std::move(name);
    return options;
}

template <typename F>
bool comes_true(F condition) {
    const testing::RealClock clock;
    const Duration end = clock.monotonic() + 30s;
    Mutex mutex;
    ConditionVariable never;
    while (!condition()) {
        if (clock.monotonic() > end) return false;
        MutexLock lock(mutex);
        never.wait_for(lock, 5ms, [] { return false; });
    }
    return true;
}

TEST(Leadership, OneLeadsAndTheNextFollowsAtOnce) {
    testing::ManualClock clock;
    const auto store = store::make_memory_store(clock);
    auto first = Leadership::start(*store, clock, named("a"));
    EXPECT_TRUE(first->leads()) << "from the first moment";
    const auto second = Leadership::start(*store, clock, named("b"));
    EXPECT_FALSE(second->leads());
    EXPECT_EQ(second->leader(), "a");
    const store::Compare old = *first->fence();
    first.reset();
    ASSERT_TRUE(comes_true([&] { return second->leads(); }));
    EXPECT_GT(second->fence()->modified, old.modified);
}

TEST(Leadership, AServerOfOneMachineLeadsAgainAfterACrash) {
    testing::TempDir folder;
    testing::ManualClock clock;
    {
        // What a crash leaves: the key, on a lease that nobody gave up.
        const auto store = store::open_sqlite_store(folder / "s.db", clock).value();
        const store::LeaseId lease = store->grant(kLeaderTerm).value();
        ASSERT_TRUE(store->commit({{}, {{std::string(kLeaderKey), "a", lease}}, {}}).ok());
    }
    const auto store = store::open_sqlite_store(folder / "s.db", clock).value();
    EXPECT_FALSE(Leadership::start(*store, clock, named("b"))->leads()) << "another's";
    EXPECT_TRUE(Leadership::start(*store, clock, named("a"))->leads());
}

TEST(Leadership, WhoSleptPastItsLeaseDoesNotLead) {
    testing::ManualClock clock;
    const auto store = store::make_memory_store(clock);
    std::vector<bool> told;
    Mutex mutex;
    LeadershipOptions options = named("a");
    options.on_change = [&](bool leads) {
        const MutexLock lock(mutex);
        told.push_back(leads);
    };
    const auto leadership = Leadership::start(*store, clock, options);
    const store::Compare before = *leadership->fence();
    clock.advance(kLeaderTerm);
    // It finds out by itself, and leads anew under another token.
    ASSERT_TRUE(comes_true([&] {
        const auto fence = leadership->fence();
        return fence && fence->modified != before.modified;
    }));
    const MutexLock lock(mutex);
    EXPECT_TRUE(told.front());
}

TEST(FencedStore, ADeposedLeaderChangesNothing) {
    testing::ManualClock clock;
    const auto store = store::make_memory_store(clock);
    const store::Revision token =
        store->commit({{}, {{std::string(kLeaderKey), "a", {}}}, {}}).value();
    std::optional<store::Compare> fence = store::Compare{std::string(kLeaderKey), token};
    FencedStore fenced(*store, [&] { return fence; });
    const store::Revision first = fenced.commit({{}, {{"k", "1", {}}}, {}}).value();
    EXPECT_EQ(fenced.commit({{{"k", store::Revision{99}}}, {{"k", "2", {}}}, {}}).status().code(),
              Code::kAborted)
        << "its own compare still fails as ever";
    // Another leads; this one has not heard of it.
    ASSERT_TRUE(store->commit({{}, {{std::string(kLeaderKey), "b", {}}}, {}}).ok());
    EXPECT_EQ(fenced.commit({{{"k", first}}, {{"k", "2", {}}}, {}}).status().code(),
              Code::kFailedPrecondition);
    ASSERT_TRUE(store->commit({{}, {}, {std::string(kLeaderKey)}}).ok());
    EXPECT_EQ(fenced.commit({{}, {{"k", "2", {}}}, {}}).status().code(), Code::kFailedPrecondition);
    fence.reset();
    EXPECT_EQ(fenced.commit({{}, {{"k", "2", {}}}, {}}).status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(fenced.compact(first).code(), Code::kFailedPrecondition);
    EXPECT_EQ(store->get("k")->value, "1");
}

TEST(FencedStore, OfManyCommitsEachIsFenced) {
    testing::ManualClock clock;
    const auto store = store::make_memory_store(clock);
    const store::Revision token =
        store->commit({{}, {{std::string(kLeaderKey), "a", {}}}, {}}).value();
    std::optional<store::Compare> fence = store::Compare{std::string(kLeaderKey), token};
    FencedStore fenced(*store, [&] { return fence; });
    const std::vector<store::Transaction> two{{{{"k", store::Revision{99}}}, {{"k", "1", {}}}, {}},
                                              {{}, {{"l", "1", {}}}, {}}};
    const auto while_leading = fenced.commit_each(two);
    ASSERT_EQ(while_leading.size(), 2u);
    EXPECT_EQ(while_leading[0].status().code(), Code::kAborted) << "its own compare";
    EXPECT_TRUE(while_leading[1].ok());
    ASSERT_TRUE(store->commit({{}, {{std::string(kLeaderKey), "b", {}}}, {}}).ok());
    const store::Revision now = store->revision();
    for (const auto& each : fenced.commit_each(two))
        EXPECT_EQ(each.status().code(), Code::kFailedPrecondition);
    fence.reset();
    for (const auto& each : fenced.commit_each(two))
        EXPECT_EQ(each.status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(store->revision(), now) << "nothing was written";
}

// A leader whose process is killed leaves its lease behind: somebody else's lease stands for that.
TEST(Leadership, TakesOverWhenAnEtcdLeaderDies) {
    if (!testing::EtcdCluster::installed()) GTEST_SKIP() << "etcd is not installed";
    testing::EtcdCluster cluster(3);
    testing::RealClock clock;
    const store::EtcdOptions options{store::parse_etcd_address(cluster.url()).value(), {}, {}, {}};
    const auto dead = store::open_etcd_store(options, clock).value();
    const store::LeaseId lease = dead->grant(kLeaderTerm).value();
    const store::Revision token =
        dead->commit({{}, {{std::string(kLeaderKey), "a", lease}}, {}}).value();
    FencedStore fenced(*dead, [&] { return store::Compare{std::string(kLeaderKey), token}; });
    ASSERT_TRUE(fenced.commit({{}, {{"k", "a", {}}}, {}}).ok());
    const Duration died = clock.monotonic();
    const auto store = store::open_etcd_store(options, clock).value();
    const auto next = Leadership::start(*store, clock, named("b"));
    EXPECT_FALSE(next->leads());
    ASSERT_TRUE(comes_true([&] { return next->leads(); }));
    const Duration took = clock.monotonic() - died;
    RecordProperty("take_over_ms", static_cast<int>(took / 1ms));
    EXPECT_LT(took, 15s);
    EXPECT_EQ(fenced.commit({{}, {{"k", "late", {}}}, {}}).status().code(),
              Code::kFailedPrecondition);
    EXPECT_EQ(store->get("k")->value, "a");
}

}  // namespace
}  // namespace hf::control
