// Helpers: threads that run what waits in a schedule when an ensemble has several steps ready at
// once; the thread of its request runs one of them. They sleep else, and take the places of the
// schedule as every thread does.
//
// Thread-safety: call() from any thread. The threads ("hf-step") begin with the first call, and end
// with it.

#pragma once

#include <thread>
#include <vector>

#include "base/mutex.h"
#include "serve/schedule/scheduler.h"

namespace hf::serve::ensemble {

class Helpers final {
public:
    // REQUIRES: the scheduler outlives it.
    Helpers(Scheduler& scheduler, std::size_t threads)
        : scheduler_(scheduler), threads_most_(threads) {}
    ~Helpers();
    Helpers(const Helpers&) = delete;
    Helpers& operator=(const Helpers&) = delete;

    // Has so many of them look for work, or as many as there are.
    void call(std::size_t count);

private:
    void work_until_stopped();

    Scheduler& scheduler_;
    const std::size_t threads_most_;
    Mutex mutex_;
    ConditionVariable news_;
    std::size_t called_ HF_GUARDED_BY(mutex_) = 0;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::ensemble
