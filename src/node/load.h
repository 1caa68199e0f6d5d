// Load: how much a service is asked on this machine, as an average over the last ten seconds, for a
// control plane that scales the service by it (control/scale/).
//
// The idea: the mean number of requests that are there is how many end in a second times how long
// one is there (J. D. C. Little, "A Proof for the Queuing Formula: L = λW", Operations Research
// 9(3), 1961). So two readings of counters that only grow give the exact mean between them; no
// moment is sampled. Requests that take longer than the window have not been counted by its end:
// where more are there at every reading, it is so many.
//
// A load is told when it has changed by a fifth, or the queue by a half; not more often than every
// kLoadEvery, nor than the control plane wants to hear of this machine. An idle machine tells it
// once.
//
// Pure; values. A clock that jumps begins the average anew.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "base/time.h"

namespace hf::node {

inline constexpr Duration kLoadWindow = std::chrono::seconds(10);
inline constexpr Duration kLoadFirst = std::chrono::seconds(2);  // readings so far apart say enough
inline constexpr Duration kLoadEvery = std::chrono::seconds(5);
inline constexpr Duration kReadingsApart = std::chrono::milliseconds(400);  // the least

// Of one version, since it answers.
struct Traffic {
    std::uint64_t requests = 0;  // that have ended
    Duration there{};            // how long these were there together, waiting included
    std::uint64_t queued = 0;    // requests whose wait is known
    Duration queue{};            // that these waited together
    std::uint64_t present = 0;   // requests that are there now
};

struct Load {
    std::int64_t concurrency_milli = 0;  // requests under way and waiting, in thousandths
    Duration queue{};                    // that a request waited
    std::int64_t requests_per_minute = 0;
    friend bool operator==(const Load&, const Load&) = default;
};

class LoadMeter final {
public:
    void add(const Traffic& traffic, Instant now);

    // Nullopt until the readings are kLoadFirst apart.
    std::optional<Load> load() const;

    // Whether load() shall be told now; `pace`: how often this machine may be heard.
    bool is_news(Duration pace, Instant now) const;
    void told(Instant now);

private:
    struct Reading {
        Instant at;
        Traffic traffic;
    };
    std::deque<Reading> readings_;  // of kLoadWindow and one before: fewer than thirty
    std::optional<Load> told_;
    Instant told_at_;
};

}  // namespace hf::node
