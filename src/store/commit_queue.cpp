#include "store/commit_queue.h"

namespace hf::store {

std::vector<Batch*> CommitQueue::take_group() {
    std::vector<Batch*> group;
    std::size_t count = 0;
    while (!waiting_.empty()) {
        count += waiting_.front()->transactions.size();
        if (!group.empty() && count > kMaxGroup) break;
        group.push_back(waiting_.front());
        waiting_.pop_front();
    }
    return group;
}

std::vector<Result<Revision>> CommitQueue::commit(const std::vector<Transaction>& transactions) {
    Batch mine{transactions, {}};
    MutexLock lock(mutex_);
    waiting_.push_back(&mine);
    changed_.wait(lock, [&]() HF_REQUIRES(mutex_) { return mine.done || !writing_; });
    // Of those who wait the first to wake writes; its own batch may be beyond the bound of a group.
    while (!mine.done) {
        writing_ = true;
        const std::vector<Batch*> group = take_group();
        lock.unlock();
        write_(group);
        lock.lock();
        for (Batch* each : group) each->done = true;
        writing_ = false;
        changed_.notify_all();
        changed_.wait(lock, [&]() HF_REQUIRES(mutex_) { return mine.done || !writing_; });
    }
    return std::move(mine.results);
}

}  // namespace hf::store
