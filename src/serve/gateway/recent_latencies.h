// How long a service's latest answers took: when to send a second request for comfort, and what no
// answer has been faster than. Old news is forgotten, so that nobody is refused for how slow
// things were a minute ago.
//
// A value of kLatenciesKept entries; pure.

#pragma once

#include <array>
#include <optional>
#include <vector>

#include "base/time.h"

namespace hf::serve::gateway {

inline constexpr std::size_t kLatenciesKept = 128;
inline constexpr std::size_t kLatenciesNeeded = 20;  // fewer say nothing
inline constexpr Duration kLatencyAgeMax = std::chrono::seconds(30);

class RecentLatencies final {
public:
    void add(Duration latency, Instant now);

    // Nullopt while too little is known.
    std::optional<Duration> p95(Instant now) const;
    std::optional<Duration> fastest(Instant now) const;

private:
    struct Entry {
        Duration latency{};
        Instant at{};
    };
    std::vector<Duration> recent(Instant now) const;

    std::array<Entry, kLatenciesKept> entries_;
    std::size_t added_ = 0;
};

}  // namespace hf::serve::gateway
