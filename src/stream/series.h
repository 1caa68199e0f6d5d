// A time series of one sensor: samples in strictly rising order of time, every value finite.
//
// Thread-safety: values.

#pragma once

#include <vector>

#include "base/time.h"

namespace hf::stream {

struct Sample {
    Instant time;
    double value = 0;

    friend bool operator==(const Sample&, const Sample&) = default;
};

using Series = std::vector<Sample>;

// The median time between neighbours; zero for fewer than two samples.
Duration typical_step(const Series& series);

}  // namespace hf::stream
