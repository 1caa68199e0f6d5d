#include "serve/gateway/workers.h"

#include <pthread.h>

#include <string>
#include <utility>

#include <fmt/format.h>

namespace hf::serve::gateway {

Workers::Workers(std::size_t threads, std::string name) {
    for (std::size_t i = 0; i < threads; ++i) {
        threads_.emplace_back([this, own = fmt::format("{}-{}", name, i)] { run(own); });
    }
}

Workers::~Workers() {
    {
        const MutexLock lock(mutex_);
        ending_ = true;
    }
    news_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

void Workers::post(std::function<void()> work) {
    {
        const MutexLock lock(mutex_);
        queue_.push_back(std::move(work));
    }
    news_.notify_one();
}

bool Workers::try_post(std::function<void()> work) {
    {
        const MutexLock lock(mutex_);
        if (queue_.size() >= idle_) return false;
        queue_.push_back(std::move(work));
    }
    news_.notify_one();
    return true;
}

void Workers::run(const std::string& name) {
    pthread_setname_np(pthread_self(), name.c_str());
    MutexLock lock(mutex_);
    for (;;) {
        ++idle_;
        news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return ending_ || !queue_.empty(); });
        --idle_;
        if (queue_.empty()) return;
        const std::function<void()> work = std::move(queue_.front());
        queue_.pop_front();
        lock.unlock();
        work();
        lock.lock();
    }
}

}  // namespace hf::serve::gateway
