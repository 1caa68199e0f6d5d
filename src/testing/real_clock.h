// The machine's own clock, for tests that talk over real sockets. What can run on ManualClock
// does. Thread-safe.

#pragma once

#include "env/clock.h"

namespace hf::testing {

class RealClock final : public env::Clock {
public:
    Instant now() const override { return std::chrono::system_clock::now(); }
    Duration monotonic() const override {
        return std::chrono::steady_clock::now().time_since_epoch();
    }
    Duration thread_cpu() const override { return monotonic(); }
};

}  // namespace hf::testing
