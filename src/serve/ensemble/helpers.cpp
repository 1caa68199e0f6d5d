#include "serve/ensemble/helpers.h"

#include <pthread.h>

#include <algorithm>

namespace hf::serve::ensemble {

Helpers::Helpers(Scheduler& scheduler, std::size_t threads) : scheduler_(scheduler) {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this] { work_until_stopped(); });
    }
}

Helpers::~Helpers() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    news_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Helpers::call(std::size_t count) {
    {
        const MutexLock lock(mutex_);
        called_ = std::min(called_ + count, threads_.size());
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
