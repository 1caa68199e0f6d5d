// One run of step(): what all its parts look at and write. Used by step.cpp, forward.cpp, back.cpp
// and survey.cpp only. Not thread-safe.

#pragma once

#include <string>
#include <vector>

#include "control/rollout/step.h"

namespace hf::control::rollout {

// Where a node stands with the version, as the record, the outbox and the failures tell.
enum class Standing : unsigned char {
    kOther,      // it wants a third version
    kPresent,    // it wants the new version, not by this roll-out
    kCandidate,  // it wants the previous version
    kInFlight,   // ordered; no outcome yet, or a passing trouble that the node tries to outlast
    kGood,
    kFailed,
    kRevoked,  // ordered, then ordered back
};

struct View {
    const NodeState* node = nullptr;
    Standing standing = Standing::kOther;
    std::int64_t stage = -1;  // of the last order; -1: none
    std::int64_t ordinal = 1;
    std::int64_t attempt = 0;
    Instant ordered_at;
    bool listed = false;     // among State::failures
    bool silent = false;     // unreachable for longer than the patience
    bool busy = false;       // it uses up the disruption budget
    bool pending = false;    // the order is not on record yet
    bool timed_out = false;  // its order has had its time
    bool waits = false;      // it waits for a maintenance window, by its own clock

    bool reachable() const { return !node->unreachable_since; }
};

struct Round {
    State& state;
    const Observed& observed;
    const Instant now;
    std::int64_t revision = 0;  // of the State that comes out
    std::vector<View> views;    // by node, as Observed::nodes
    std::vector<Action> events;
    std::optional<Instant> wake;

    const RolloutSpec& spec() const { return *state.in_force; }

    // Time since; never negative, whatever clocks did.
    Duration elapsed(Instant then) const { return then < now ? now - then : Duration{}; }
    void wake_at(Instant then) {
        if (then > now && (!wake || then < *wake)) wake = then;
    }
    bool is_ours(const NodeState& node) const {
        return node.token && node.token->rollout == observed.rollout;
    }
    // Whether the node is unreachable for longer than the patience; else wakes when it will be.
    bool is_silent(const NodeState& node);

    void tell(std::string_view reason, std::string message);
    void warn(std::string_view reason, std::string message);

    // The outbox's entry of a node; nullptr when there is none.
    Outgoing* outgoing(std::string_view node);
    // False, and nothing is done, when the outbox is full.
    bool put_out(Outgoing order);
};

// Takes out of the outbox what the record shows, and what cannot be written any more.
void settle_outbox(Round& round);

// Fills `views`.
void survey(Round& round);

// One step of a roll-out that goes forward; it may turn back.
void go_forward(Round& round);

void begin_back(Round& round, std::string reason);
void go_back(Round& round);

// What is to be done about a time zone that is not known; empty: all are.
std::string unknown_zone_words(const RolloutSpec& spec, const TimeZones& zones);

// "a, b, c and 4 more".
std::string name_some(const std::vector<std::string>& names);

}  // namespace hf::control::rollout
