// Observed: what a roll-out's step reads of the world: the spec, every Node with the order on
// record for it and what the node says of that order, and how the versions answer.
//
// Pure values. check() refuses what contradicts itself.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "api/selector.h"
#include "base/time.h"
#include "control/rollout/spec.h"
#include "control/rollout/token.h"

namespace hf::control::rollout {

// What a node says of the order on record.
enum class Outcome : unsigned char {
    kNone,        // it has not seen it
    kWorking,     // it pulls, verifies, compiles, ...
    kGood,        // the version answers
    kPassing,     // it failed for want of network, disk or memory, and tries again by itself
    kFailed,      // it refused the version for good
    kRolledBack,  // the version answered, and the node went back by itself
    kWaiting,     // none of its maintenance windows is open, by its clock
};

struct NodeState {
    std::string name;
    api::Labels labels;
    std::string runs;            // the digest that answers; empty: none
    std::string wants;           // the digest on record for it, by a roll-out's order or otherwise
    std::optional<Token> token;  // of the last order of any roll-out
    Instant ordered_at;          // when that was written
    std::int64_t answered = 0;   // the revision of the order that `outcome` tells of
    Outcome outcome = Outcome::kNone;
    std::optional<Instant> good_until;  // when the outcome of this order last ceased to be kGood
    std::string reason;                 // of kPassing, kFailed, kRolledBack, kWaiting
    bool available = true;              // whether the service answers there, by any version
    std::optional<Instant> unreachable_since;
};

// How one version answers, over the nodes where it does.
struct Metrics {
    std::int64_t requests = 0;
    std::int64_t errors = 0;
    std::int64_t latency_p99_ms = 0;
    std::int64_t compared = 0;  // answers held against the previous version's
    std::int64_t agreed = 0;    // of these
};

struct Observed {
    std::string rollout;  // uid
    // As it is now. While State::in_force is empty and the spec has only `model`, with that
    // resolved into `digest`; later a digest that the spec leaves out stays out.
    RolloutSpec spec;
    std::vector<NodeState> nodes;            // strictly ascending by name
    std::map<std::string, Metrics> metrics;  // by digest
    TimeZones time_zones;  // those of the spec's windows, as far as they are known
};

// INVALID_ARGUMENT: no uid, nodes out of order or twice, more than kNodesMax, revisions out of
// bounds.
Status check(const Observed& observed);

}  // namespace hf::control::rollout
