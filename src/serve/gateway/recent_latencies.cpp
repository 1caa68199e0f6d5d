#include "serve/gateway/recent_latencies.h"

#include <algorithm>

namespace hf::serve::gateway {

void RecentLatencies::add(Duration latency, Instant now) {
    entries_[added_ % kLatenciesKept] = {latency, now};
    ++added_;
}

std::vector<Duration> RecentLatencies::recent(Instant now) const {
    std::vector<Duration> latencies;
    latencies.reserve(kLatenciesKept);
    for (std::size_t i = 0; i < std::min(added_, kLatenciesKept); ++i) {
        if (now - entries_[i].at <= kLatencyAgeMax) latencies.push_back(entries_[i].latency);
    }
    if (latencies.size() < kLatenciesNeeded) latencies.clear();
    return latencies;
}

std::optional<Duration> RecentLatencies::p95(Instant now) const {
    std::vector<Duration> latencies = recent(now);
    if (latencies.empty()) return std::nullopt;
    const std::size_t rank = (latencies.size() * 95 + 99) / 100 - 1;  // nearest rank
    const auto at = latencies.begin() + static_cast<std::ptrdiff_t>(rank);
    std::nth_element(latencies.begin(), at, latencies.end());
    return *at;
}

std::optional<Duration> RecentLatencies::fastest(Instant now) const {
    const std::vector<Duration> latencies = recent(now);
    if (latencies.empty()) return std::nullopt;
    return *std::min_element(latencies.begin(), latencies.end());
}

}  // namespace hf::serve::gateway
