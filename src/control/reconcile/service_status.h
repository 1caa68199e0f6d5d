// The status of a Service, put together from the orders and reports of the machines that have it.
//
//   - Ready is true while any replica answers; its reason and message say of how many.
//   - The other conditions that machines report are true when they are on all of them; else the
//     first machine, by name, where it is not says why.
//   - What a machine says of an epoch before its order counts for nothing; what a machine last said
//     before it was lost is not true any more, and not known to be false.
//   - Placed, of the placer: whether machines were found for all replicas.
//
// Pure.

#pragma once

#include "control/reconcile/orders.h"

namespace hf::control {

// Of more replicas the status tells how many there are, not each: it is written whenever one of
// them changes.
inline constexpr std::size_t kReplicasListed = 100;

// The Service with the status that it should have: `service` itself when nothing changes.
api::Object with_status(const api::Object& service, const place::ServicePlan& plan,
                        const Objects& nodes, Instant now);

}  // namespace hf::control
