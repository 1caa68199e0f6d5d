// Bedtime: has the models of a table fall asleep that nobody asks for.
//
// Thread-safety: owned by one thread; one of its own ("hf-bedtime") looks, from the beginning to
// the end.

#pragma once

#include <thread>

#include "base/mutex.h"
#include "serve/models.h"

namespace hf::serve::sleep {

// How late it may be noticed that a model may sleep.
inline constexpr Duration kLookMost = std::chrono::seconds(1);

class Bedtime final {
public:
    // `after` nobody has asked for so long. REQUIRES: the models outlive it.
    Bedtime(Models& models, Duration after);
    ~Bedtime();
    Bedtime(const Bedtime&) = delete;
    Bedtime& operator=(const Bedtime&) = delete;

private:
    void look_until_stopped();

    Models& models_;
    const Duration after_;
    Mutex mutex_;
    ConditionVariable wake_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::thread thread_;
};

}  // namespace hf::serve::sleep
