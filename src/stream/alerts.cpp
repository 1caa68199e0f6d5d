#include "stream/alerts.h"

#include <cmath>

#include "base/check.h"

namespace hf::stream {

AlertTracker::AlertTracker(AlertOptions options) : options_(options) {
    HF_CHECK(options_.close_below <= options_.open_above);
    HF_CHECK(options_.open_after > 0 && options_.close_after > 0);
}

void AlertTracker::extend(Instant time, double score) {
    alert_.last_above = time;
    // A score that is no number is the worst there is, and stays so.
    if (score <= alert_.peak || std::isnan(alert_.peak)) return;
    alert_.peak = score;
    alert_.peak_time = time;
}

AlertTracker::Event AlertTracker::observe(Instant time, double score) {
    if (open_) {
        if (!(score < options_.close_below)) {
            below_in_a_row_ = 0;
            extend(time, score);
            return Event::kNothing;
        }
        if (++below_in_a_row_ < options_.close_after) return Event::kNothing;
        open_ = false;
        above_in_a_row_ = 0;
        return Event::kClosed;
    }
    if (score <= options_.open_above) {
        above_in_a_row_ = 0;
        return Event::kNothing;
    }
    if (above_in_a_row_ == 0) alert_ = {time, time, time, score, time};
    extend(time, score);
    if (++above_in_a_row_ < options_.open_after) return Event::kNothing;
    alert_.opened = time;
    open_ = true;
    below_in_a_row_ = 0;
    return Event::kOpened;
}

}  // namespace hf::stream
