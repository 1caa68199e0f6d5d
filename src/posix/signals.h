// SIGINT and SIGTERM as something to wait for. Create one before any thread starts: the constructor
// blocks the signals in the calling thread, and threads started later inherit that.

#pragma once

#include <optional>

#include "base/time.h"

namespace hf::posix {

class StopSignals final {
public:
    StopSignals();
    StopSignals(const StopSignals&) = delete;
    StopSignals& operator=(const StopSignals&) = delete;

    // True when a signal came; false when `patience` passed first. No patience: waits for good.
    bool wait(std::optional<Duration> patience) const;
};

}  // namespace hf::posix
