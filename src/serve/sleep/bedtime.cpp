#include "serve/sleep/bedtime.h"

#include <pthread.h>

#include <algorithm>

namespace hf::serve::sleep {

Bedtime::Bedtime(Models& models, Duration after)
    : models_(models), after_(after), thread_([this] { look_until_stopped(); }) {}

Bedtime::~Bedtime() {
    {
        const MutexLock lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Bedtime::look_until_stopped() {
    pthread_setname_np(pthread_self(), "hf-bedtime");
    const Duration pause = std::min(after_ / 4, kLookMost);
    MutexLock lock(mutex_);
    while (!wake_.wait_for(lock, pause, [this]() HF_REQUIRES(mutex_) { return stopping_; })) {
        lock.unlock();
        for (const auto& host : models_.all()) host->fall_asleep(after_);
        lock.lock();
    }
}

}  // namespace hf::serve::sleep
