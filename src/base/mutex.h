// Mutex, MutexLock and ConditionVariable: std's, with what they guard written where a compiler
// reads it. Each member says which lock it needs (HF_GUARDED_BY), each function which lock its
// caller holds (HF_REQUIRES) or must not hold (HF_EXCLUDES); Clang proves it on every path, which
// `./dev check locks` asks it to. Other compilers see no annotation.
//
//     void push(Work work) {
//         {
//             const MutexLock lock(mutex_);
//             queue_.push_back(std::move(work));
//         }
//         news_.notify_one();
//     }
//     Work pop() {
//         MutexLock lock(mutex_);
//         news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return !queue_.empty(); });
//         return take_first();
//     }
//     Work take_first() HF_REQUIRES(mutex_);
//
//     Mutex mutex_;
//     ConditionVariable news_;
//     std::deque<Work> queue_ HF_GUARDED_BY(mutex_);
//
// A Mutex belongs to the object whose members it guards and outlives every lock on it; a MutexLock
// lives on one thread's stack. Thread-safety: Mutex and ConditionVariable from any thread. Locking
// twice on one thread is a deadlock. The analysis takes every lambda for a function of its own,
// hence the annotation above, and does not look into constructors and destructors: nobody else has
// the object there. Source: Clang's documentation, "Thread Safety Analysis".

#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/time.h"

#ifdef __clang__
#define HF_THREAD_ANNOTATION(annotation) __attribute__((annotation))
#else
#define HF_THREAD_ANNOTATION(annotation)
#endif

// A member: only with this mutex held is it read or written.
#define HF_GUARDED_BY(mutex) HF_THREAD_ANNOTATION(guarded_by(mutex))

// A function: its caller holds these mutexes, or holds none of them.
#define HF_REQUIRES(...) HF_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define HF_EXCLUDES(...) HF_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace hf {

class HF_THREAD_ANNOTATION(capability("mutex")) Mutex final {
public:
    Mutex() = default;
    Mutex(const Mutex&) = delete;
    Mutex& operator=(const Mutex&) = delete;

    void lock() HF_THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
    void unlock() HF_THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
    bool try_lock() HF_THREAD_ANNOTATION(try_acquire_capability(true)) { return mutex_.try_lock(); }

private:
    friend class MutexLock;

    std::mutex mutex_;
};

// Holds the mutex from its making to its end, but for what lies between unlock() and lock().
class HF_THREAD_ANNOTATION(scoped_lockable) MutexLock final {
public:
    explicit MutexLock(Mutex& mutex) HF_THREAD_ANNOTATION(acquire_capability(mutex))
        : lock_(mutex.mutex_) {}
    ~MutexLock() HF_THREAD_ANNOTATION(release_capability()) {}
    MutexLock(const MutexLock&) = delete;
    MutexLock& operator=(const MutexLock&) = delete;

    // REQUIRES: not held; held.
    void lock() HF_THREAD_ANNOTATION(acquire_capability()) { lock_.lock(); }
    void unlock() HF_THREAD_ANNOTATION(release_capability()) { lock_.unlock(); }

private:
    friend class ConditionVariable;

    std::unique_lock<std::mutex> lock_;
};

// Waits give the lock back meanwhile and have it again when they return; `ready` is asked with the
// lock held. There is none without a condition: threads also wake up for no reason.
class ConditionVariable final {
public:
    ConditionVariable() = default;
    ConditionVariable(const ConditionVariable&) = delete;
    ConditionVariable& operator=(const ConditionVariable&) = delete;

    void notify_one() { changed_.notify_one(); }
    void notify_all() { changed_.notify_all(); }

    template <typename Ready>
    void wait(MutexLock& lock, Ready ready) {
        changed_.wait(lock.lock_, std::move(ready));
    }

    // False when the time is up and it is not ready.
    template <typename Ready>
    bool wait_for(MutexLock& lock, Duration patience, Ready ready) {
        return changed_.wait_for(lock.lock_, patience, std::move(ready));
    }
    template <typename Clock, typename Precision, typename Ready>
    bool wait_until(MutexLock& lock, std::chrono::time_point<Clock, Precision> deadline,
                    Ready ready) {
        return changed_.wait_until(lock.lock_, deadline, std::move(ready));
    }

private:
    std::condition_variable changed_;
};

}  // namespace hf
