// State: all that a roll-out remembers between two steps, small enough to be the status of its
// resource. Who was ordered and how it went is not in here but on record with each node
// (observed.h); the State holds what no record tells: limits used up, who failed, the fixed members
// of the first stage, and the orders decided but not yet seen on record.
//
// Pure values; equal States write equal JSON, and what is written reads back equal (instants to the
// microsecond, which is how step() takes them).

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "control/rollout/spec.h"
#include "control/rollout/token.h"

namespace hf::control::rollout {

// Named bounds of what the State lists; see step.h for what happens when they are reached. With
// names of the longest kind all lists together stay within the 1 MiB of a stored object.
inline constexpr std::size_t kCanaryMax = 500;                     // nodes of the first stage
inline constexpr std::size_t kOutboxMax = 1000;                    // orders not yet seen on record
inline constexpr std::int64_t kMetricMax = 1'000'000'000'000'000;  // larger counts read as this
inline constexpr std::size_t kReasonBytesMax = 160;  // of a failure; longer ones are cut

enum class Phase : unsigned char {
    kPending,  // the first stage has not begun
    kRunning,
    kSoaking,
    kWaitingForApproval,
    kPaused,
    kAborting,
    kRolledBack,
    kSucceeded,
    kFailed,  // some nodes could not go back
};
std::string_view phase_name(Phase phase);

struct Progress {
    std::int64_t ordered = 0;  // distinct nodes; never falls, whoever goes away
    std::int64_t good = 0;     // the most that were good at a time
    bool closed = false;       // it was complete once: it takes no further node
    std::optional<Instant> began;
    std::optional<Instant> last_good;
    std::optional<Instant> passed;
    friend bool operator==(const Progress&, const Progress&) = default;
};

struct Failure {
    std::string node;
    std::int64_t stage = 0;
    std::string reason;
    friend bool operator==(const Failure&, const Failure&) = default;
};

// An order decided and not yet seen on record.
struct Outgoing {
    std::string node;
    Why why = Why::kForward;
    std::int64_t stage = 0;
    std::int64_t ordinal = 1;
    std::int64_t attempt = 1;
    std::int64_t revision = 0;

    bool back() const { return why != Why::kForward; }
    friend bool operator==(const Outgoing&, const Outgoing&) = default;
};

struct Counts {
    std::int64_t untouched = 0;
    std::int64_t under_way = 0;
    std::int64_t good = 0;
    std::int64_t failed = 0;
    std::int64_t unreachable = 0;  // for longer than the patience
    std::int64_t present = 0;      // they had the version without this roll-out
    std::int64_t returning = 0;
    std::int64_t back = 0;
    std::int64_t other = 0;  // they want a third version
    friend bool operator==(const Counts&, const Counts&) = default;
};

struct State {
    std::int64_t revision = 0;  // grows with every change
    Phase phase = Phase::kPending;
    std::int64_t stage = 0;               // under way; the number of stages once all have passed
    std::optional<RolloutSpec> in_force;  // what is followed
    std::string waiting;                  // why it does not move on
    std::string abort_reason;             // why it goes back, or cannot begin
    std::string refused_change;           // why the spec as it is now is not followed
    std::optional<Instant> rate_time;
    Counts counts;
    std::int64_t compared = 0;        // answers, as was observed last while it went forward
    std::int64_t agreed = 0;          // of these
    std::vector<Progress> progress;   // by stage
    std::vector<std::string> canary;  // ascending
    std::vector<Failure> failures;    // ascending by node
    std::vector<Outgoing> outbox;     // ascending by node

    // Whether no further node will get the new version.
    bool over() const { return phase >= Phase::kAborting; }
    // Whether it aborts or did.
    bool turned_back() const { return over() && phase != Phase::kSucceeded; }
    // The stage under way; nullptr before the spec is known and after the last.
    const Stage* current() const;
    friend bool operator==(const State&, const State&) = default;
};

json::Value to_json(const State& state);

// From the status of the resource; null reads as the first State. INVALID_ARGUMENT names what does
// not fit: step() must not run on a State that was not understood.
Result<State> state_from(const json::Value& status);

// Replaces the status of a Rollout, all but conditions, by the State, and sets the conditions
// Progressing, Complete and SpecAccepted.
void write_state(api::Object& rollout, const State& state, Instant now);

}  // namespace hf::control::rollout
