// The machine's own clock, for tests that wait for another program. Thread-safe.

#pragma once

#include <ctime>

#include "env/clock.h"

namespace hf::testing {

class RealClock final : public env::Clock {
public:
    Instant now() const override { return Instant(read(CLOCK_REALTIME)); }
    Duration monotonic() const override { return read(CLOCK_MONOTONIC); }
    Duration thread_cpu() const override { return read(CLOCK_THREAD_CPUTIME_ID); }

private:
    static Duration read(clockid_t clock) {
        timespec time{};
        ::clock_gettime(clock, &time);
        return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
    }
};

}  // namespace hf::testing
