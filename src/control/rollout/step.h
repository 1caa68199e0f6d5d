// The roll-out of one change through a fleet, as a state machine without effects:
//
//     Pending -> Running -> Soaking -> (WaitingForApproval ->) Running -> ... -> Succeeded
//           any of these -> Aborting -> RolledBack, or Failed where a node could not go back
//
// step() looks at all that is (Observed) and all that it remembers (State), and answers the orders
// that must be on record and what to tell people. It is driven by levels, not by edges: it may be
// called at any time and any number of times, and what it decided stays in State::outbox, and is
// asked for again under the same token, until the record shows it.
//
// What holds whatever happens, in whatever order:
//   - No stage orders more nodes than its limit; no node is ordered in a stage before all earlier
//     ones passed; never are more nodes unavailable by its doing than the budget allows.
//   - The nodes of the first stage are fixed when it begins; it passes only by their proof. Later
//     stages take nodes as they come. No stage is skipped because the fleet shrank.
//   - A node that failed the version goes back to the previous one and is never ordered it again;
//     others at most `attempts_max` times.
//   - Once it aborts, no node gets the new version, and each that this roll-out gave it to is
//     ordered back, also one that turns up after the end.
//   - Nodes that are gone, or unreachable for longer than the patience, hold up nothing; but where
//     that is more than half of a stage after the order, the stage proves nothing, and does not
//     pass without a promotion.
//
// The shell, one round:
//   1. Read the Rollout: spec, State (state_from), resourceVersion. A State that does not read is
//      an error to show, not a new beginning.
//   2. Only then read all Nodes with their records and reports, and the metrics. For each record
//      remember its resourceVersion. (A record read before the State could miss orders that the
//      State no longer keeps in its outbox.)
//   3. step(). When Decision::changed, write the State, comparing with the resourceVersion of 1. If
//      that loses, drop everything and begin at 1.
//   4. Only then write each order of the Decision onto its node's record, comparing with the
//      record's resourceVersion of 2, unless the record already carries the token or, of this
//      roll-out, a higher revision. One that loses is left: the next round asks for it again.
//   5. Record the events.
// The record must be durable, and carry digest, token and when it was written; its node obeys it
// and reports runs, outcome and `answered`, the revision of the order that the outcome tells of.
// Before a node begins with the new version it judges the windows of its order by its own clock
// (api/window.h), and reports kWaiting while it waits; it goes back at any time, and answers an
// order back with kGood when the previous version answers again. Rounds are due when anything of
// this changes, and at Decision::wake. A crash between 3 and 4 loses orders, which the outbox
// repeats under the same tokens. Were 4 done and 3 lost, the tokens on record would tell: they
// count for their stage as if the State had said so. A second shell that is late loses at 3 or at
// 4. Limits are used up by 3, never by 4.
//
// Pure: the time is handed in; a State belongs to one thread.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/rollout/observed.h"
#include "control/rollout/state.h"

namespace hf::control::rollout {

struct Action {
    enum class Kind : unsigned char {
        kReturn,  // put `digest`, the previous version, on record; empty: nothing runs there
        kOrder,   // put `digest`, the new version, on record
        kEvent,   // tell people
    };
    Kind kind = Kind::kEvent;
    std::string node;
    std::string digest;
    Token token;
    bool warning = false;  // of an event
    std::string reason;
    std::string message;
};

struct Decision {
    std::vector<Action> actions;  // returns, then orders, by node; then events
    bool changed = false;         // the State is another than before
    std::optional<Instant> wake;  // when time alone has something new for step()
};

// INVALID_ARGUMENT when what was observed contradicts itself (check(observed)); the State is then
// as it was. REQUIRES: the State is a first one, or comes from step() or state_from().
Result<Decision> step(State& state, const Observed& observed, Instant now);

// One line: where it stands, and why it does not move on.
std::string explain(const State& state);

}  // namespace hf::control::rollout
