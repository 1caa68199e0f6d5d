// A clock that stands still until the test moves it. Thread-safe.

#pragma once

#include <atomic>

#include "env/clock.h"

namespace hf::testing {

class ManualClock final : public env::Clock {
public:
    explicit ManualClock(Instant start = Instant(std::chrono::seconds(1'800'000'000)))
        : start_(start) {}

    Instant now() const override { return start_ + monotonic(); }
    Duration monotonic() const override { return Duration(passed_.load()); }
    Duration thread_cpu() const override { return monotonic(); }

    void advance(Duration by) { passed_ += by.count(); }

private:
    const Instant start_;
    std::atomic<Duration::rep> passed_{0};
};

}  // namespace hf::testing
