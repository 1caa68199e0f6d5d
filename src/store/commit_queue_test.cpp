// Who commits while a group is written is written with the next, all together; and a Group is what
// its transactions would be one by one.

#include "store/commit_queue.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/rng.h"
#include "store/group.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/script.h"

namespace hf::store {
namespace {

class Gate {
public:
    void open() {
        const MutexLock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    void pass() {
        MutexLock lock(mutex_);
        ++came_;
        changed_.notify_all();
        changed_.wait(lock, [this]() HF_REQUIRES(mutex_) { return open_; });
    }
    void await_one() {
        MutexLock lock(mutex_);
        changed_.wait(lock, [this]() HF_REQUIRES(mutex_) { return came_ > 0; });
    }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    bool open_ HF_GUARDED_BY(mutex_) = false;
    int came_ HF_GUARDED_BY(mutex_) = 0;
};

TEST(CommitQueue, WhoWaitsIsWrittenTogether) {
    Gate gate;
    std::vector<std::size_t> groups;  // by one writer at a time
    std::int64_t last = 0;
    CommitQueue queue([&](const std::vector<Batch*>& group) {
        groups.push_back(group.size());
        if (groups.size() == 1) gate.pass();
        for (Batch* batch : group) {
            for (std::size_t i = 0; i < batch->transactions.size(); ++i)
                batch->results.emplace_back(Revision{++last});
        }
    });
    const std::vector<Transaction> one(1);
    std::thread first([&] { EXPECT_TRUE(queue.commit(one).front().ok()); });
    gate.await_one();
    std::vector<std::thread> others;
    for (int i = 0; i < 8; ++i) {
        others.emplace_back([&] {
            const std::vector<Transaction> two(2);
            const std::vector<Result<Revision>> results = queue.commit(two);
            ASSERT_EQ(results.size(), 2u);
            EXPECT_EQ(results[1]->value(), results[0]->value() + 1);
        });
    }
    while (queue.waiting() < 8) std::this_thread::yield();
    gate.open();
    first.join();
    for (std::thread& other : others) other.join();
    EXPECT_EQ(last, 17);
    EXPECT_EQ(groups, (std::vector<std::size_t>{1, 8}));
}

TEST(CommitQueue, AGroupHasABoundAndABatchStaysWhole) {
    Gate gate;
    std::vector<std::size_t> sizes;
    CommitQueue queue([&](const std::vector<Batch*>& group) {
        if (sizes.empty()) gate.pass();
        sizes.push_back(0);
        for (Batch* batch : group) {
            sizes.back() += batch->transactions.size();
            batch->results.assign(batch->transactions.size(), Revision{1});
        }
    });
    const std::vector<Transaction> many(kMaxGroup + 7);
    std::thread first([&] { EXPECT_EQ(queue.commit(many).size(), kMaxGroup + 7); });
    gate.await_one();
    // Two of these fit into a group, and a third does not.
    const std::vector<Transaction> some(kMaxGroup / 2);
    std::vector<std::thread> others;
    for (int i = 0; i < 3; ++i) {
        others.emplace_back([&] { EXPECT_EQ(queue.commit(some).size(), kMaxGroup / 2); });
    }
    while (queue.waiting() < 3) std::this_thread::yield();
    gate.open();
    first.join();
    for (std::thread& other : others) other.join();
    EXPECT_EQ(sizes, (std::vector<std::size_t>{kMaxGroup + 7, kMaxGroup, kMaxGroup / 2}));
}

Transaction random_transaction(Rng& rng, Store& store) {
    Transaction transaction;
    const std::string key = std::to_string(rng.below(6));
    if (rng.below(2) == 0) {
        const Result<KeyValue> now = store.get(key);
        const bool stale = rng.below(4) == 0;
        transaction.compares.push_back(
            {key, now.ok() && !stale ? now->modified : Revision{stale ? 1 : 0}});
    }
    if (rng.below(3) == 0) {
        transaction.removes.push_back(key);
    } else {
        transaction.puts.push_back({key, std::to_string(rng.below(100)), {}});
    }
    return transaction;
}

// The store in memory commits one by one what a Group takes together.
TEST(Group, AgreesWithCommitsOneByOne) {
    Rng rng(testing::seed());
    testing::ManualClock clock;
    const auto store = make_memory_store(clock);
    for (int round = 0; round < 200; ++round) {
        std::map<std::string, KeyValue> before;
        const ListResult all = store->list("", {}).value();
        for (const KeyValue& item : all.items) before[item.key] = item;
        const auto find = [&](const std::string& key) -> std::optional<KeyValue> {
            const auto at = before.find(key);
            return at == before.end() ? std::nullopt : std::optional(at->second);
        };
        const auto watch = store->watch("", store->revision()).value();
        Group group(store->revision());
        for (std::uint64_t i = rng.below(8); i > 0; --i) {
            const Transaction transaction = random_transaction(rng, *store);
            const Result<Revision> taken = group.add(transaction, find);
            const Result<Revision> done = store->commit(transaction);
            ASSERT_EQ(taken.status().code(), done.status().code());
            if (done.ok()) {
                ASSERT_EQ(*taken, *done);
            }
        }
        EXPECT_EQ(group.revision(), store->revision());
        const std::vector<Event> events = watch->next(Duration::zero()).value();
        ASSERT_EQ(events.size(), group.events().size());
        for (std::size_t i = 0; i < events.size(); ++i) {
            const Event& ours = group.events()[i];
            EXPECT_EQ(ours.kind, events[i].kind);
            EXPECT_EQ(ours.now.key, events[i].now.key);
            EXPECT_EQ(ours.now.value, events[i].now.value);
            EXPECT_EQ(ours.now.created, events[i].now.created);
            EXPECT_EQ(ours.now.modified, events[i].now.modified);
            EXPECT_EQ(ours.previous.has_value(), events[i].previous.has_value());
        }
    }
}

}  // namespace
}  // namespace hf::store
