// Waker: a callback to an object that may be gone by the time somebody calls it, as the watches of
// a store may. Once close() has returned, nothing is called any more.
//
// Thread-safety: all methods and callbacks from any thread. `wake` is called with a lock of the
// waker held: it must be quick, and close() must not be called with a lock that `wake` takes.

#pragma once

#include <functional>
#include <memory>

#include "base/mutex.h"

namespace hf::control {

class Waker final {
public:
    explicit Waker(std::function<void()> wake) : shared_(std::make_shared<Shared>()) {
        shared_->wake = std::move(wake);
    }
    ~Waker() { close(); }
    Waker(const Waker&) = delete;
    Waker& operator=(const Waker&) = delete;

    std::function<void()> callback() const {
        return [shared = shared_] {
            const MutexLock lock(shared->mutex);
            if (shared->wake) shared->wake();
        };
    }

    void close() {
        const MutexLock lock(shared_->mutex);
        shared_->wake = nullptr;
    }

private:
    struct Shared {
        Mutex mutex;
        std::function<void()> wake HF_GUARDED_BY(mutex);
    };
    const std::shared_ptr<Shared> shared_;
};

}  // namespace hf::control
