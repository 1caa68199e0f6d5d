// CommitQueue: lets those who commit at the same time be written together: making a write durable
// costs the same for one and for many. Who comes while a group is written waits; then the first of
// the waiting writes all of them, itself included.
//
// Thread-safety: commit() from any thread; `write` is called by one at a time, with no lock held.

#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"

namespace hf::store {

inline constexpr std::size_t kMaxGroup = 512;  // transactions written together; one batch at least

// What one caller wants committed, and what came of it.
struct Batch {
    const std::vector<Transaction>& transactions;
    std::vector<Result<Revision>> results;  // one each, once written
    bool done = false;                      // the queue's
};

class CommitQueue final {
public:
    // Gives every batch its results, in order.
    using Write = std::function<void(const std::vector<Batch*>& group)>;

    explicit CommitQueue(Write write) : write_(std::move(write)) {}

    std::vector<Result<Revision>> commit(const std::vector<Transaction>& transactions);

    // How many batches wait to be written.
    std::size_t waiting() const {
        const MutexLock lock(mutex_);
        return waiting_.size();
    }

private:
    std::vector<Batch*> take_group() HF_REQUIRES(mutex_);

    const Write write_;
    mutable Mutex mutex_;
    ConditionVariable changed_;
    std::deque<Batch*> waiting_ HF_GUARDED_BY(mutex_);
    bool writing_ HF_GUARDED_BY(mutex_) = false;
};

}  // namespace hf::store
