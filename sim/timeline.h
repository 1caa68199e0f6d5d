// Virtual time: what shall happen, in order, and the clock that everybody reads. Nothing passes but
// what step() lets happen; equal times happen in the order in which they were asked for.
//
// Owned by one thread. REQUIRES: what the functions refer to outlives the timeline.

#pragma once

#include <functional>
#include <map>
#include <utility>

#include "env/clock.h"

namespace hf::sim {

class Timeline final : public env::Clock {
public:
    Instant now() const override { return kStart + now_; }
    Duration monotonic() const override { return now_; }
    Duration thread_cpu() const override { return now_; }

    void after(Duration delay, std::function<void()> what) {
        const Duration when = now_ + std::max(Duration::zero(), delay);
        due_.emplace(std::pair(when, ++last_), std::move(what));
    }

    // Lets the next one happen, unless it is later than `until`; then it is `until` and false.
    bool step(Duration until) {
        if (due_.empty() || due_.begin()->first.first > until) {
            now_ = std::max(now_, until);
            return false;
        }
        auto next = due_.extract(due_.begin());
        now_ = next.key().first;
        ++ticks_;
        next.mapped()();
        return true;
    }

    std::uint64_t ticks() const { return ticks_; }

private:
    static constexpr Instant kStart{std::chrono::seconds(1'800'000'000)};

    Duration now_{};
    std::uint64_t last_ = 0;
    std::uint64_t ticks_ = 0;
    std::map<std::pair<Duration, std::uint64_t>, std::function<void()>> due_;
};

}  // namespace hf::sim
