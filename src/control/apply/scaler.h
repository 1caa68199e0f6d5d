// Scaler: the shell around the decision how many replicas a service has (scale/decide.h): reads the
// signals from the Nodes, writes what is decided into the statuses of Services, and tells of it.
//
// What it writes is what the placer wants from the next reading on (place/from_resources.h): a
// crash between leaves a number that the next round, of this server or another, goes on from. A
// status that others wrote meanwhile is decided again in the next round. It writes through the
// store of the leader (fenced_store.h), so that a deposed server moves nothing.
//
// Owned by the reconciler's thread.

#pragma once

#include <set>
#include <string>

#include "control/reconcile/orders.h"
#include "control/scale/signals.h"
#include "resources/resources.h"

namespace hf::control {

class Scaler final {
public:
    // REQUIRES: resources outlives it.
    Scaler(resources::Resources& resources, resources::WriteOptions write)
        : resources_(resources), write_(std::move(write)) {}

    struct View {
        const Objects& services;
        const Objects& nodes;
        std::set<std::string> rolling;  // services that a roll-out moves
    };

    // One round of every service that scales; `now`, of the monotonic clock. What could not be
    // written is the error; one service's does not hold up the others.
    Status run(const View& view, Duration now);

private:
    Status run_one(const api::Object& service, const scale::Signals& signals, bool rolling);
    Status tell(const api::Object& before, const api::Object& after);

    resources::Resources& resources_;
    const resources::WriteOptions write_;
    scale::LoadAges ages_;
};

}  // namespace hf::control
