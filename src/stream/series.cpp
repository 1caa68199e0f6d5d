#include "stream/series.h"

#include <algorithm>

namespace hf::stream {

Duration typical_step(const Series& series) {
    std::vector<Duration> steps;
    for (std::size_t i = 1; i < series.size(); ++i) {
        steps.push_back(series[i].time - series[i - 1].time);
    }
    if (steps.empty()) return Duration::zero();
    const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
    std::nth_element(steps.begin(), middle, steps.end());
    return *middle;
}

}  // namespace hf::stream
