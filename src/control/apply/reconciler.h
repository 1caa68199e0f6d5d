// The reconciler: mirrors sites, nodes, services and policies, asks the pure functions of
// reconcile/ what should be, and writes what changed: which machines are alive, what each is
// ordered to run, what services and versions of models there are. Also keeps the store in order:
// leases, garbage, old history.
//
// Of several servers over one store only the leader reconciles (leadership.h), through a store that
// refuses its writes once it leads no longer (fenced_store.h). It hears of the nodes that speak to
// the other servers by what those enter in the store (presence.h).
//
// Thread "hf-reconcile" does all of it; destruction stops it after the round under way. A write
// that fails is tried again in the next round.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/reconcile/liveness.h"
#include "control/reconcile/orders.h"
#include "resources/resources.h"

namespace hf::control {

struct ReconcilerOptions {
    Resolve resolve;       // null: machines look models up themselves
    TimeZoneOf time_zone;  // null: roll-outs know none
    Duration node_term = kNodeTerm;

    // Whether this server leads; null: always. Call look() when it changes.
    std::function<bool()> leads;

    // This server's name where others share the store: nodes may speak to those. Empty: alone.
    std::string server;

    // Called from the thread when a round fails, once for each new reason. May be null.
    std::function<void(const Status&)> on_trouble;
};

class Reconciler {
public:
    virtual ~Reconciler() = default;

    // REQUIRES: resources outlives it.
    static std::unique_ptr<Reconciler> start(resources::Resources& resources,
                                             ReconcilerOptions options);

    // A heartbeat of that node came: how long until the next one is due. From any thread.
    virtual Duration heard(const std::string& node) = 0;

    // The connection on which that node follows its orders ended. From any thread.
    virtual void parted(const std::string& node) = 0;

    // Begins a round without waiting. From any thread.
    virtual void look() = 0;
};

}  // namespace hf::control
