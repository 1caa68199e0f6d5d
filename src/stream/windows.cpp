#include "stream/windows.h"

#include <algorithm>

namespace hf::stream {

WindowBuilder::WindowBuilder(WindowOptions options) : options_(options) {
    HF_CHECK(options_.length > 0 && options_.step > Duration::zero());
    values_.reserve(2 * options_.length);
}

void WindowBuilder::push(double value) {
    if (values_.size() == 2 * options_.length) {
        const auto kept = static_cast<std::ptrdiff_t>(options_.length - 1);
        values_.erase(values_.begin(), values_.end() - kept);
    }
    values_.push_back(value);
}

bool WindowBuilder::add(const Sample& sample) {
    if (!values_.empty()) {
        const Duration waited = sample.time - last_time_;
        if (waited < options_.step / 2) {
            ++counts_.ignored;
            return false;
        }
        const std::int64_t steps = (waited - options_.step / 2) / options_.step + 1;
        if (steps > 1 + kMaxFilledSteps) {
            ++counts_.restarts;
            values_.clear();
        }
        const double held = values_.empty() ? 0 : values_.back();
        for (std::int64_t i = 1; i < steps && !values_.empty(); ++i) {
            push(held);
            ++counts_.filled;
        }
    }
    push(sample.value);
    last_time_ = sample.time;
    return values_.size() >= options_.length;
}

std::span<const double> WindowBuilder::values() const {
    const std::size_t count = std::min(values_.size(), options_.length);
    return std::span<const double>(values_).last(count);
}

WindowCounts for_each_window(const Series& series, const WindowOptions& options,
                             const WindowVisitor& visit) {
    WindowBuilder builder(options);
    for (const Sample& sample : series) {
        if (builder.add(sample)) visit(builder.values(), sample.time);
    }
    return builder.counts();
}

}  // namespace hf::stream
