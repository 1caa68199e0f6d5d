// Cascades: a small model answers where the data is and asks a larger one when it is unsure. For
// each replica of a service with an upstream, which replica of the upstream it asks: only one that
// stands where the asking service's own residency lets data lie (the question carries its data), in
// the same jurisdiction where the service says so; then the same site, the same jurisdiction, the
// lowest latency; equals share the load. Where none may be asked, the small model stands alone, and
// the link says why.
//
// Pure and deterministic.

#pragma once

#include <vector>

#include "control/place/plan.h"

namespace hf::control::place {

struct CascadeLink {
    Replica from;
    Replica to;                    // node empty: none may be asked
    Refusal why = Refusal::kNone;  // kUnwanted: the upstream has no replica at all
    friend bool operator==(const CascadeLink&, const CascadeLink&) = default;
};

// In the order of plan.replicas(). REQUIRES: plan is of this fleet.
std::vector<CascadeLink> link_cascades(const Fleet& fleet, const Plan& plan);

}  // namespace hf::control::place
