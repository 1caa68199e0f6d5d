// From scores to alerts: a state machine with hysteresis, so that one trouble is one alert.
//
// An alert opens when `open_after` scores in a row are above `open_above`, and closes when
// `close_after` scores in a row are below `close_below`; what comes in between belongs to it. A
// score that is no number counts as above: what could not be judged is not known to be normal.
//
// Thread-safety: a value; one owner.

#pragma once

#include <cstdint>
#include <optional>

#include "base/time.h"

namespace hf::stream {

struct AlertOptions {
    double open_above = 1.0;
    double close_below = 1.0;  // at most open_above
    std::uint32_t open_after = 3;
    std::uint32_t close_after = 48;
};

struct Alert {
    Instant first_above;
    Instant opened;
    Instant last_above;
    double peak = 0;
    Instant peak_time;
};

class AlertTracker final {
public:
    enum class Event : unsigned char { kNothing, kOpened, kClosed };

    // INVALID_ARGUMENT is the caller's to give: REQUIRES options as described above, counts > 0.
    explicit AlertTracker(AlertOptions options);

    // Takes scores in order of time.
    Event observe(Instant time, double score);

    // The alert that is open, or after kClosed the one that was.
    const Alert& alert() const { return alert_; }
    bool is_open() const { return open_; }

private:
    void extend(Instant time, double score);

    AlertOptions options_;
    Alert alert_;
    bool open_ = false;
    std::uint32_t above_in_a_row_ = 0;
    std::uint32_t below_in_a_row_ = 0;
};

}  // namespace hf::stream
