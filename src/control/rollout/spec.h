// RolloutSpec: what a Rollout's spec asks for, as values (the resource: api/kinds/rollout.cpp), and
// what may be changed of it while it runs.
//
// Pure. Errors are INVALID_ARGUMENT, naming the field and what to write instead. check() bounds
// every number, so that no sum or product behind it can overflow.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "api/window.h"
#include "base/json.h"
#include "base/status.h"
#include "base/time.h"
#include "control/rollout/share.h"

namespace hf::control::rollout {

inline constexpr std::size_t kStagesMax = 16;
inline constexpr std::size_t kWordsMax = 64;          // approvals; promotions
inline constexpr std::int64_t kNodesMax = 1'000'000;  // in a count; of one fleet
inline constexpr std::int64_t kParallelMax = 10'000;
inline constexpr std::int64_t kRatePerMinuteMax = 100'000;
inline constexpr std::int64_t kAttemptsMax = 10;
inline constexpr std::int64_t kFailuresMax = 500;  // remembered; reaching it aborts
inline constexpr std::int64_t kRequestsMax = 1'000'000'000;
inline constexpr std::int64_t kLatencyMillisecondsMax = 3'600'000;
inline constexpr std::int64_t kToleranceMicrosMax = 1'000'000'000;
inline constexpr std::size_t kClassScoresMax = 64;
inline constexpr Duration kWaitMax = std::chrono::hours(30 * 24);  // soak, patience, timeout
inline constexpr Duration kWaitMin = std::chrono::seconds(10);     // patience, timeout

struct Stage {
    std::string name;
    std::string selector;  // over the labels of Nodes; empty: all
    Share limit;           // of the nodes that the selector matches
    Duration soak{};       // after the last good node
    bool approval = false;
    std::int64_t success_percent = 100;
    std::int64_t max_parallel = 100;
    friend bool operator==(const Stage&, const Stage&) = default;
};

struct AbortRules {
    std::optional<std::int64_t> failures;
    std::optional<std::int64_t> failure_percent;
    std::int64_t minimum_sample = 10;
    friend bool operator==(const AbortRules&, const AbortRules&) = default;
};

// How like the previous version's answers the new one's must be (serve/comparison.h compares).
struct Agreement {
    std::int64_t percent_min = 100;
    std::int64_t samples_min = 100;
    std::int64_t tolerance_micros = 1000;
    std::vector<std::string> class_scores;  // names of outputs
    std::int64_t sample_percent = 100;
    friend bool operator==(const Agreement&, const Agreement&) = default;
};

struct Gates {
    std::optional<std::int64_t> error_rate_percent_max;
    std::optional<std::int64_t> latency_p99_ms_max;
    std::optional<Agreement> agreement;
    std::int64_t minimum_requests = 1;  // before errors and latency count

    bool need_requests() const { return error_rate_percent_max || latency_p99_ms_max; }
    friend bool operator==(const Gates&, const Gates&) = default;
};

// A word of a person on a stage: an approval or a promotion.
struct Word {
    std::string stage;
    std::string by;
    friend bool operator==(const Word&, const Word&) = default;
};

struct RolloutSpec {
    std::string service;
    std::string model;
    std::string digest;  // to; empty until `model` is resolved
    std::string from;    // empty: nothing ran before
    std::vector<Stage> stages;
    AbortRules abort;
    Share budget;  // of all nodes: how many may be unavailable at a time
    Gates gates;
    api::Windows windows;
    bool download_ahead = false;  // orders leave at any time; nodes begin in their window
    std::optional<std::int64_t> rate_per_minute;
    std::int64_t attempts_max = 3;
    Duration timeout = std::chrono::minutes(30);
    Duration patience = std::chrono::minutes(10);
    bool paused = false;
    bool aborted = false;
    std::vector<Word> approvals;
    std::vector<Word> promotions;
    friend bool operator==(const RolloutSpec&, const RolloutSpec&) = default;
};

// From and to `spec` of the resource. What is left out reads as the default; whether the rest is
// good is told by check().
Result<RolloutSpec> spec_from(const json::Value& spec);
json::Value to_json(const RolloutSpec& spec);

// REQUIRES of step(). An empty digest passes: the caller resolves `model`.
Status check(const RolloutSpec& spec);

// Whether `after` may replace `before` once the first stage has begun: pause, abort, approvals and
// promotions always; any limit, threshold or wait only to something stricter; the rest never.
// The server asks this at admission, step() asks it again.
Status check_change(const RolloutSpec& before, const RolloutSpec& after);

}  // namespace hf::control::rollout
