// The reconciler: mirrors nodes and services, asks the pure functions of reconcile/ what should
// be, and writes what changed. Also keeps the store in order: leases, garbage, old history.
//
// Thread "hf-reconcile" does all of it; destruction stops it after the round under way. A write
// that fails is tried again in the next round.

#pragma once

#include <functional>
#include <memory>

#include "resources/resources.h"

namespace hf::control {

class Reconciler {
public:
    virtual ~Reconciler() = default;

    // `on_trouble`, which may be null, is called from the thread when a round fails, once for each
    // new reason. REQUIRES: resources outlives it.
    static std::unique_ptr<Reconciler> start(resources::Resources& resources,
                                             std::function<void(const Status&)> on_trouble);
};

}  // namespace hf::control
