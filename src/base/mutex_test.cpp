#include "base/mutex.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace hf {
namespace {

using namespace std::chrono_literals;

// How long a test waits for what must happen.
constexpr Duration kPatience = 30s;

class Counter final {
public:
    void add() {
        {
            const MutexLock lock(mutex_);
            ++count_;
        }
        changed_.notify_all();
    }

    void wait(int count) {
        MutexLock lock(mutex_);
        changed_.wait(lock, [&]() HF_REQUIRES(mutex_) { return count_ >= count; });
    }

    bool wait_for(int count, Duration patience) {
        MutexLock lock(mutex_);
        return changed_.wait_for(lock, patience,
                                 [&]() HF_REQUIRES(mutex_) { return count_ >= count; });
    }

    bool wait_until(int count, std::chrono::steady_clock::time_point deadline) {
        MutexLock lock(mutex_);
        return changed_.wait_until(lock, deadline,
                                   [&]() HF_REQUIRES(mutex_) { return count_ >= count; });
    }

    // Calls `meanwhile` without the lock and tells what was counted by then.
    template <typename F>
    int step_aside(F meanwhile) {
        MutexLock lock(mutex_);
        lock.unlock();
        meanwhile();
        lock.lock();
        return count_;
    }

    bool is_locked() {
        if (!mutex_.try_lock()) return true;
        mutex_.unlock();
        return false;
    }

    Mutex& mutex() { return mutex_; }

private:
    Mutex mutex_;
    ConditionVariable changed_;
    int count_ HF_GUARDED_BY(mutex_) = 0;
};

bool is_locked_for_others(Counter& counter) {
    bool locked = false;
    std::thread([&] { locked = counter.is_locked(); }).join();
    return locked;
}

TEST(MutexLock, KeepsOthersOutToTheEndOfItsScope) {
    Counter counter;
    {
        const MutexLock lock(counter.mutex());
        EXPECT_TRUE(is_locked_for_others(counter));
    }
    EXPECT_FALSE(is_locked_for_others(counter));
}

TEST(MutexLock, LetsOthersInBetweenUnlockAndLock) {
    Counter counter;
    EXPECT_EQ(counter.step_aside([&] { counter.add(); }), 1);
    EXPECT_FALSE(is_locked_for_others(counter));
}

TEST(MutexLock, NoCountIsLost) {
    Counter counter;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 1000; ++j) counter.add();
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_TRUE(counter.wait_for(4000, Duration::zero()));
    EXPECT_FALSE(counter.wait_for(4001, Duration::zero()));
}

TEST(ConditionVariable, EveryWaitIsWokenByWhatItWaitsFor) {
    Counter counter;
    std::thread other([&] {
        counter.wait(1);
        counter.add();
        EXPECT_TRUE(counter.wait_for(3, kPatience));
        counter.add();
    });
    counter.add();
    counter.wait(2);
    counter.add();
    EXPECT_TRUE(counter.wait_until(4, std::chrono::steady_clock::time_point::max()));
    other.join();
}

TEST(ConditionVariable, AWaitEndsWithItsTimeAndHoldsNoLockAfterwards) {
    Counter counter;
    EXPECT_FALSE(counter.wait_for(1, 1ms));
    EXPECT_FALSE(counter.wait_until(1, std::chrono::steady_clock::time_point()));
    EXPECT_FALSE(is_locked_for_others(counter));
}

}  // namespace
}  // namespace hf
