// The store against real members of etcd: leases, contention, members that are killed and paused,
// all of them away, history from before, strangers in the same etcd, large values.

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/mutex.h"
#include "store/etcd.h"
#include "store/transaction.h"
#include "testing/etcd_cluster.h"
#include "testing/real_clock.h"

namespace hf::store {
namespace {

using namespace std::chrono_literals;

class Etcd : public ::testing::Test {
protected:
    void SetUp() override {
        if (!testing::EtcdCluster::installed()) {
            GTEST_SKIP() << "etcd is not installed (Debian package etcd-server)";
        }
    }

    std::unique_ptr<Store> open(const testing::EtcdCluster& cluster, std::string_view path = "") {
        const std::string url = fmt::format("{}{}", cluster.url(), path);
        return open_etcd_store({parse_etcd_address(url).value(), {}, {}, {}}, clock_).value();
    }

    static Revision put(Store& store, std::string key, std::string value, LeaseId lease = {}) {
        return store.commit({{}, {{std::move(key), std::move(value), lease}}, {}}).value();
    }

    // Asks until it is true; false after `patience`.
    template <typename F>
    bool comes_true(Duration patience, F condition) {
        const Duration end = clock_.monotonic() + patience;
        Mutex mutex;
        ConditionVariable never;
        while (!condition()) {
            if (clock_.monotonic() > end) return false;
            MutexLock lock(mutex);
            never.wait_for(lock, 10ms, [] { return false; });
        }
        return true;
    }

    testing::RealClock clock_;
};

TEST_F(Etcd, LeasesTakeTheirKeysWithThem) {
    testing::EtcdCluster cluster;
    const auto store = open(cluster);
    const LeaseId lease = store->grant(2s).value();
    const LeaseId other = store->grant(60s).value();
    put(*store, "kept", "1");
    put(*store, "a", "1", lease);
    put(*store, "b", "1", lease);
    put(*store, "c", "1", other);
    ASSERT_TRUE(store->keep_alive(lease).ok());
    const auto watch = store->watch("", store->revision()).value();
    const std::vector<Event> events = watch->next(20s).value();
    ASSERT_EQ(events.size(), 2u) << "one revision takes all keys of a lease";
    for (const Event& event : events) {
        EXPECT_EQ(event.kind, Event::Kind::kRemove);
        EXPECT_EQ(event.previous->lease, lease);
    }
    EXPECT_EQ(store->keep_alive(lease).code(), Code::kNotFound);
    EXPECT_EQ(store->commit({{}, {{"d", "", lease}}, {}}).status().code(), Code::kNotFound);
    ASSERT_TRUE(store->revoke(other).ok());
    EXPECT_TRUE(store->revoke(other).ok()) << "twice is as once";
    EXPECT_EQ(store->list("", {})->items.size(), 1u);
    EXPECT_EQ(store->grant(0s).status().code(), Code::kInvalidArgument);
}

TEST_F(Etcd, OneOfEightContendersWinsEachOf300Rounds) {
    testing::EtcdCluster cluster(3);
    std::vector<std::unique_ptr<Store>> stores;
    for (int i = 0; i < 8; ++i) stores.push_back(open(cluster));
    Revision at = put(*stores[0], "key", "start");
    for (int round = 0; round < 300; ++round) {
        std::atomic<int> winners{0}, losers{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&, i] {
                const std::string value = fmt::format("{}/{}", round, i);
                const auto done = stores[static_cast<std::size_t>(i)]->commit(
                    {{{"key", at}}, {{"key", value, {}}}, {}});
                winners += done.ok();
                losers += done.status().code() == Code::kAborted;
            });
        }
        for (std::thread& thread : threads) thread.join();
        ASSERT_EQ(winners, 1) << "round " << round;
        ASSERT_EQ(losers, 7) << "round " << round;
        at = stores[0]->get("key")->modified;
    }
}

TEST_F(Etcd, CountsEveryAcknowledgedIncrementOnce) {
    testing::EtcdCluster cluster(3);
    const auto one = open(cluster), two = open(cluster);
    put(*one, "counter", "0");
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        Store& store = t % 2 ? *one : *two;
        threads.emplace_back([&store] {
            for (int done = 0; done < 100;) {
                const KeyValue now = store.get("counter").value();
                const std::string more = std::to_string(std::stoi(now.value) + 1);
                done +=
                    store.commit({{{"counter", now.modified}}, {{"counter", more, {}}}, {}}).ok();
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(two->get("counter")->value, "800");
}

// Writers that each count a key up, and what they were told.
class Writers final {
public:
    explicit Writers(std::vector<Store*> stores) : acknowledged_(stores.size()) {
        for (std::size_t i = 0; i < stores.size(); ++i) {
            threads_.emplace_back([this, i, store = stores[i]] { run(*store, i); });
        }
    }
    ~Writers() { stop(); }

    void stop() {
        stopping_ = true;
        for (std::thread& thread : threads_) {
            if (thread.joinable()) thread.join();
        }
    }

    int least() {
        const MutexLock lock(mutex_);
        std::size_t least = SIZE_MAX;
        for (const auto& each : acknowledged_) least = std::min(least, each.size());
        return static_cast<int>(least);
    }
    Duration longest() const { return longest_; }

    // Number by revision; once stopped.
    std::vector<std::map<Revision, int>> acknowledged() {
        const MutexLock lock(mutex_);
        return acknowledged_;
    }

    static std::string key(std::size_t writer) { return fmt::format("w{}", writer); }

private:
    void run(Store& store, std::size_t writer) {
        const testing::RealClock clock;
        while (!stopping_) {
            const Result<KeyValue> now = store.get(key(writer));
            const bool fresh = now.status().code() == Code::kNotFound;
            if (!now.ok() && !fresh) continue;
            const int next = fresh ? 1 : std::stoi(now->value) + 1;
            const Revision at = fresh ? Revision{} : now->modified;
            const Duration begun = clock.monotonic();
            const Result<Revision> done =
                store.commit({{{key(writer), at}}, {{key(writer), std::to_string(next), {}}}, {}});
            const MutexLock lock(mutex_);
            longest_ = std::max(longest_, clock.monotonic() - begun);
            if (done.ok()) acknowledged_[writer][*done] = next;
        }
    }

    std::atomic<bool> stopping_{false};
    std::vector<std::thread> threads_;
    Mutex mutex_;
    Duration longest_{};
    std::vector<std::map<Revision, int>> acknowledged_ HF_GUARDED_BY(mutex_);
};

// What a watch from the beginning has told of each writer: 1, 2, 3, ... without gap or repetition,
// and every acknowledged write where it was said to be.
void expect_whole(Watch& watch, Writers& writers) {
    writers.stop();
    const auto acknowledged = writers.acknowledged();
    Revision last{0};
    for (const auto& each : acknowledged) {
        ASSERT_FALSE(each.empty());
        last = std::max(last, each.rbegin()->first);
    }
    std::map<std::string, std::map<Revision, int>> seen;
    while (watch.delivered() < last) {
        const Result<std::vector<Event>> events = watch.next(20s);
        ASSERT_TRUE(events.ok()) << events.status().to_string();
        ASSERT_FALSE(events->empty()) << "the watch lacks revision " << last.value();
        for (const Event& event : *events) {
            const int number = std::stoi(event.now.value);
            auto& numbers = seen[event.now.key];
            ASSERT_EQ(number, static_cast<int>(numbers.size()) + 1) << event.now.key;
            numbers[event.now.modified] = number;
        }
    }
    for (std::size_t writer = 0; writer < acknowledged.size(); ++writer) {
        for (const auto& [revision, number] : acknowledged[writer]) {
            const auto& numbers = seen[Writers::key(writer)];
            const auto at = numbers.find(revision);
            ASSERT_NE(at, numbers.end()) << "acknowledged and lost: " << number;
            ASSERT_EQ(at->second, number);
        }
    }
}

TEST_F(Etcd, LosesNothingWhenMembersAreKilled) {
    testing::EtcdCluster cluster(3);
    const auto one = open(cluster), two = open(cluster);
    const auto watch = two->watch("w", Revision{0}).value();
    Writers writers({one.get(), one.get(), two.get(), two.get()});
    const auto progresses = [&] {
        const int enough = writers.least() + 10;
        return comes_true(60s, [&] { return writers.least() >= enough; });
    };
    ASSERT_TRUE(progresses());
    for (int round = 0; round < 4; ++round) {
        std::size_t victim = cluster.leader();
        ASSERT_LT(victim, cluster.size());
        if (round % 2) victim = (victim + 1) % cluster.size();  // now and then a follower
        cluster.kill(victim);
        ASSERT_TRUE(progresses()) << "without member " << victim;
        cluster.restart(victim);
        ASSERT_TRUE(comes_true(60s, [&] { return cluster.serves(victim); }));
        ASSERT_TRUE(progresses());
    }
    expect_whole(*watch, writers);
    RecordProperty("longest_commit_ms", static_cast<int>(writers.longest() / 1ms));
}

TEST_F(Etcd, LosesNothingWhenMembersArePaused) {
    testing::EtcdCluster cluster(3);
    const auto one = open(cluster), two = open(cluster);
    const auto watch = one->watch("w", Revision{0}).value();
    Writers writers({one.get(), two.get()});
    const auto progresses = [&] {
        const int enough = writers.least() + 10;
        return comes_true(60s, [&] { return writers.least() >= enough; });
    };
    ASSERT_TRUE(progresses());
    for (std::size_t step = 0; step < 3; ++step) {
        const std::size_t victim = step == 0 ? cluster.leader() : step;
        ASSERT_LT(victim, cluster.size());
        cluster.pause(victim);
        ASSERT_TRUE(progresses()) << "while member " << victim << " is paused";
        cluster.resume(victim);
        ASSERT_TRUE(progresses());
    }
    expect_whole(*watch, writers);
}

// The answer to a write does not come, and then the write is done after all.
TEST_F(Etcd, AWriteWhoseAnswerIsLateHappensOnceAndIsFoundOut) {
    testing::EtcdCluster cluster;
    const auto store = open(cluster);
    const Revision first = put(*store, "a", "1");
    const auto watch = store->watch("a", first).value();
    cluster.pause(0);
    Result<Revision> done = unknown_error("not yet");
    std::thread writer([&] { done = store->commit({{{"a", first}}, {{"a", "2", {}}}, {}}); });
    // Longer than one member is given for a write, shorter than all of it.
    EXPECT_FALSE(comes_true(2500ms, [] { return false; }));
    cluster.resume(0);
    writer.join();
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    const std::vector<Event> events = watch->next(20s).value();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].now.modified, *done);
    EXPECT_EQ(store->get("a")->modified, *done) << "once";
}

TEST_F(Etcd, AWriteThatNobodyAnswersIsNeitherDoneNorUndone) {
    testing::EtcdCluster cluster;
    const auto store = open(cluster);
    const Revision first = put(*store, "a", "1");
    cluster.pause(0);
    const Duration begun = clock_.monotonic();
    const Status status = store->commit({{{"a", first}}, {{"a", "2", {}}}, {}}).status();
    EXPECT_EQ(status.code(), Code::kDeadlineExceeded) << status.to_string();
    EXPECT_LT(clock_.monotonic() - begun, 15s);
    cluster.resume(0);
    ASSERT_TRUE(comes_true(20s, [&] { return store->staleness() == 0s; }));
    const std::string now = store->get("a")->value;
    EXPECT_TRUE(now == "1" || now == "2") << now;
}

TEST_F(Etcd, AnswersFromItsCopyWhileEtcdIsAway) {
    testing::EtcdCluster cluster;
    const auto store = open(cluster);
    const Revision at = put(*store, "a", "1");
    EXPECT_EQ(store->staleness(), 0s);
    const auto watch = store->watch("", at).value();
    cluster.kill(0);
    ASSERT_TRUE(comes_true(20s, [&] { return store->staleness() > 0s; }));
    EXPECT_EQ(store->get("a")->value, "1");
    EXPECT_EQ(store->get("b").status().code(), Code::kNotFound);
    EXPECT_EQ(store->list("", {})->items.size(), 1u);
    EXPECT_EQ(store->list("", {"", 0, at})->items.size(), 1u);
    EXPECT_EQ(store->list("", {"", 0, Revision{99}}).status().code(), Code::kUnavailable);
    const Duration begun = clock_.monotonic();
    const Status refused = store->commit({{}, {{"a", "2", {}}}, {}}).status();
    EXPECT_EQ(refused.code(), Code::kUnavailable) << refused.to_string();
    EXPECT_EQ(store->keep_alive(LeaseId{1}).code(), Code::kUnavailable);
    EXPECT_EQ(store->compact(at).code(), Code::kUnavailable);
    EXPECT_LT(clock_.monotonic() - begun, 200ms) << "refused at once";
    cluster.restart(0);
    ASSERT_TRUE(comes_true(20s, [&] { return store->staleness() == 0s; }));
    put(*store, "a", "2");
    const std::vector<Event> events = watch->next(20s).value();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].now.value, "2");
    EXPECT_EQ(events[0].previous->value, "1");
}

TEST_F(Etcd, WatchesBeginBeforeTheProcessDid) {
    testing::EtcdCluster cluster;
    Revision middle;
    {
        const auto before = open(cluster);
        put(*before, "a", "1");
        middle = put(*before, "a", "2");
        put(*before, "b", "1");
        before->commit({{}, {}, {"a"}}).value();
    }
    const auto store = open(cluster);
    const auto all = store->watch("", Revision{0}).value();
    EXPECT_EQ(all->next(5s)->size(), 4u);
    const auto some = store->watch("a", middle).value();
    const std::vector<Event> events = some->next(5s).value();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].kind, Event::Kind::kRemove);
    EXPECT_EQ(events[0].previous->value, "2");
    EXPECT_EQ(events[0].now.created, Revision{1});
    put(*store, "a", "3");
    EXPECT_EQ(some->next(5s)->size(), 1u);
    EXPECT_EQ(all->next(5s)->size(), 1u);
    ASSERT_TRUE(store->compact(middle).ok());
    const auto later = open(cluster);
    EXPECT_EQ(later->watch("", Revision{1}).status().code(), Code::kOutOfRange);
    EXPECT_EQ(later->watch("", Revision{99}).status().code(), Code::kOutOfRange);
}

TEST_F(Etcd, KeepsStrangersInTheSameEtcdApart) {
    testing::EtcdCluster cluster;
    const auto mine = open(cluster, "/x"), theirs = open(cluster, "/x1");
    put(*mine, "a", "mine");
    for (int i = 0; i < 20; ++i) put(*theirs, fmt::format("b{}", i), "theirs");
    const ListResult listed = mine->list("", {}).value();
    ASSERT_EQ(listed.items.size(), 1u);
    EXPECT_EQ(listed.items[0].value, "mine");
    const auto watch = mine->watch("", listed.revision).value();
    put(*theirs, "c", "theirs");
    put(*mine, "a", "again");
    const std::vector<Event> events = watch->next(10s).value();
    ASSERT_EQ(events.size(), 1u);
    EXPECT_EQ(events[0].now.value, "again");
}

TEST_F(Etcd, TakesLargeValuesAndManyKeys) {
    testing::EtcdCluster cluster;
    {
        const auto store = open(cluster);
        const std::string large(kMaxValueBytes, '\xFF');
        for (int i = 0; i < 80; ++i) put(*store, fmt::format("large/{:02}", i), large);
        for (int i = 0; i < 12; ++i) {
            Transaction many;
            for (std::size_t k = 0; k < kMaxTransactionParts; ++k) {
                many.puts.push_back({fmt::format("small/{:02}/{:03}", i, k), "", {}});
            }
            ASSERT_TRUE(store->commit(many).ok());
        }
        Transaction too_large;
        for (int i = 0; i < 2; ++i) too_large.puts.push_back({fmt::format("{}", i), large, {}});
        EXPECT_EQ(store->commit(too_large).status().code(), Code::kResourceExhausted);
    }
    const auto store = open(cluster);  // more than one answer may hold
    EXPECT_EQ(store->list("large/", {})->items.size(), 80u);
    const Revision now = store->revision();
    const ListResult page = store->list("small/", {"small/00/100", 700, now}).value();
    EXPECT_EQ(page.items.size(), 700u);
    EXPECT_TRUE(page.more);
    EXPECT_EQ(page.items[0].key, "small/00/101");
}

TEST_F(Etcd, RefusesWhatCannotBe) {
    const auto code = [&](std::string_view url, std::string ca, std::string key) {
        const EtcdAddress address = parse_etcd_address(url).value();
        return open_etcd_store({address, std::move(ca), {}, std::move(key)}, clock_)
            .status()
            .code();
    };
    EXPECT_EQ(code("etcd://etcd.example:2379", "", ""), Code::kInvalidArgument) << "no TLS";
    EXPECT_EQ(code("etcd://127.0.0.1:2379", "", "key"), Code::kInvalidArgument);
    EXPECT_EQ(code("etcd://127.0.0.1:2379", "no PEM", ""), Code::kInvalidArgument);
    EXPECT_EQ(code("etcd://127.0.0.1:1", "", ""), Code::kUnavailable);
}

}  // namespace
}  // namespace hf::store
