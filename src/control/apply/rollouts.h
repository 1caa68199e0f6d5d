// Rollouts: the shell around the state machine of roll-outs (rollout/step.h), whose order of reads
// and writes it keeps. Of several for one service the oldest that has not ended goes on; the others
// wait.
//
// When one has succeeded, the Service names its version, which ends the roll-out's hold on the
// machines' orders. One that went back, or is removed, leaves the Service as it was.
//
// Owned by the reconciler's thread.

#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>

#include "control/reconcile/orders.h"
#include "control/rollout/step.h"
#include "resources/resources.h"

namespace hf::control {

class Rollouts final {
public:
    struct World {
        resources::Resources& resources;
        resources::WriteOptions write;
        Resolve resolve;       // may be null
        TimeZoneOf time_zone;  // may be null: none is known
    };

    // REQUIRES: what `world` names outlives this.
    explicit Rollouts(World world) : world_(std::move(world)) {}

    struct View {
        const Objects& rollouts;  // read before the nodes
        const Objects& nodes;
        const Objects& services;
    };

    // One round of every roll-out under way. What could not be written is the error, and is decided
    // again in the next round; one roll-out's error does not hold up the others.
    Status run(const View& view);

    // The services that roll-outs move: their machines' versions are for run() alone.
    std::set<std::string> rolling() const { return rolling_; }

    // When time alone has something new, since the last run().
    std::optional<Instant> wake() const { return wake_; }

private:
    Status run_one(const api::Object& object, const View& view);
    Result<rollout::Observed> observe(const api::Object& object, const rollout::State& state,
                                      const View& view) const;
    Status write_orders(const api::Object& object, const rollout::Decision& decision,
                        const rollout::Observed& observed, const View& view);
    Status finish(const api::Object& object, const rollout::State& state);
    Status tell(const api::Object& object, const rollout::Action& event);

    const World world_;
    std::set<std::string> rolling_;
    std::optional<Instant> wake_;
};

}  // namespace hf::control
