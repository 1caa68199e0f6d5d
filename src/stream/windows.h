// Sliding windows over a stream of samples: the last `length` values, one step apart.
//
// The models here see windows without times, so a window must not hide a hole. A sample up to
// kMaxFilledSteps steps late is bridged by repeating the value before the hole, as an observer at
// that time would have had to; after a longer hole the window begins anew. A sample less than half
// a step after the one before, or older than it, is left out. What was done is counted.
//
// Thread-safety: a value; one owner.

#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "stream/series.h"

namespace hf::stream {

inline constexpr std::int64_t kMaxFilledSteps = 3;
inline constexpr std::size_t kMaxWindow = 512;

struct WindowOptions {
    std::size_t length = 0;  // 1 to kMaxWindow
    Duration step = Duration::zero();
};

struct WindowCounts {
    std::size_t filled = 0;    // values put in for missing ones
    std::size_t restarts = 0;  // holes too long to bridge
    std::size_t ignored = 0;   // samples too early or out of order
};

class WindowBuilder final {
public:
    // REQUIRES: options.length > 0 and options.step > 0.
    explicit WindowBuilder(WindowOptions options);

    // True when the sample was taken and the window is full.
    bool add(const Sample& sample);

    // The newest values, oldest first: options.length of them once add() said true.
    std::span<const double> values() const;

    const WindowCounts& counts() const { return counts_; }

private:
    void push(double value);

    WindowOptions options_;
    WindowCounts counts_;
    std::vector<double> values_;  // at most twice a window, so that moving them is rare
    Instant last_time_;
};

// Calls `visit` for every full window with the time of its last sample.
using WindowVisitor = std::function<void(std::span<const double> values, Instant time)>;
WindowCounts for_each_window(const Series& series, const WindowOptions& options,
                             const WindowVisitor& visit);

}  // namespace hf::stream
