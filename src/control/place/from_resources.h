// From resources: the fleet that Sites, Nodes and Services describe (api/kinds/).
//
// What a resource leaves out is filled in: a Service wants one replica of kDefaultCpuMilli and
// kDefaultMemoryMib; one replica a machine at most; of one that scales, its status says how many; a
// Node without a Site stands in one of its own, without a jurisdiction, and is thus refused
// wherever residency is asked for. A Service that is being removed keeps what it has until it is
// gone: it is load, and gets nothing new. A Node that drains is as one that is not ready. What runs
// is what the Nodes' specs order.
//
// Pure. The objects are admitted ones (api/validate.h); what check(fleet) refuses beyond that, as a
// Node in a Site that is not there, is for plan() to say.

#pragma once

#include <vector>

#include "api/object.h"
#include "control/place/fleet.h"

namespace hf::control::place {

inline constexpr std::int64_t kDefaultCpuMilli = 10;
inline constexpr std::int64_t kDefaultMemoryMib = 16;

// Borrowed: a fleet is planned often, and its objects are large.
struct FleetResources {
    std::vector<const api::Object*> sites;
    std::vector<const api::Object*> nodes;
    std::vector<const api::Object*> services;
};

// As spec.replicas says; of a service that scales, as was decided last (scale/decide.h), within
// what spec.scale says now.
std::int64_t wanted_replicas(const api::Object& service);

Fleet fleet_from(const FleetResources& resources);

}  // namespace hf::control::place
