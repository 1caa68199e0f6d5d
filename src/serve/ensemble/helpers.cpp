#include "serve/ensemble/helpers.h"

#include <pthread.h>

#include <algorithm>

namespace hf::serve::ensemble {

Helpers::~Helpers() {
    std::vector<std::thread> threads;
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
        threads.swap(threads_);
    }
    news_.notify_all();
    for (std::thread& thread : threads) thread.join();
}

void Helpers::call(std::size_t count) {
    {
        const MutexLock lock(mutex_);
        called_ = std::min(called_ + count, threads_most_);
        while (!stopping_ && threads_.size() < threads_most_) {
            threads_.emplace_back([this] { work_until_stopped(); });
        }
    }
    news_.notify_all();
}

void Helpers::work_until_stopped() {
    pthread_setname_np(pthread_self(), "hf-step");
    MutexLock lock(mutex_);
    for (;;) {
        news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return stopping_ || called_ > 0; });
        if (stopping_) return;
        --called_;
        lock.unlock();
        scheduler_.work();
        lock.lock();
    }
}

}  // namespace hf::serve::ensemble
