// A fixed number of threads (NAME-N) that requests to other machines run on. Work that is there
// when this goes is still run, so whoever posts it makes it short by then.
//
// Thread-safety: all methods from any thread. Each caller waits for what it posted, so the queue
// holds no more entries than there are callers.

#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace hf::serve::gateway {

class Workers final {
public:
    explicit Workers(std::size_t threads, std::string name = "hf-gateway");
    ~Workers();
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    void post(std::function<void()> work);

    // Only if a thread is free to run it now; false otherwise.
    bool try_post(std::function<void()> work);

private:
    void run(const std::string& name);

    Mutex mutex_;
    ConditionVariable news_;
    std::deque<std::function<void()>> queue_ HF_GUARDED_BY(mutex_);
    std::size_t idle_ HF_GUARDED_BY(mutex_) = 0;
    bool ending_ HF_GUARDED_BY(mutex_) = false;
    std::vector<std::thread> threads_;
};

}  // namespace hf::serve::gateway
