// Orders: what each machine shall run, as the spec of its Node, from what the placer plans.
//
//   - A replica on a machine that is lost keeps its order there until another machine is ordered to
//     take it: a machine that is only cut off goes on serving (static stability). What may not stay
//     for another reason, as residency, loses its order at once.
//   - Every order carries an epoch, a fencing token: it grows each time that a service's replicas
//     move, so that what an earlier owner says or does is known to be old.
//   - A machine that keeps its replica keeps its epoch, and orders that say nothing new are not
//     written: an order is a change of spec, which the machine acts on.
//   - What a model reference stands for is looked up once for each generation of a service and
//     ordered by digest, so that all machines run the same, also those that get it later. What a
//     roll-out has brought, or gone back to, is not looked up again: its tag may have moved.
//
//   - While a roll-out moves a service, it alone says which version a machine that has the service
//     runs (rollout_orders.h).
//
// Pure. Whoever carries it out writes the epochs of services first and the nodes then: a crash
// between leaves an epoch that nobody holds, never two orders with one epoch.

#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/object.h"
#include "base/time_zone.h"
#include "control/place/plan.h"

namespace hf::control {

using Objects = std::map<std::string, api::Object>;  // by "namespace/name", or "name"

struct Cluster {
    const Objects& sites;
    const Objects& nodes;
    const Objects& services;
    const Objects& policies;
    std::set<std::string> rolling;  // services that a roll-out moves
};

// What a model reference stands for now; empty when that is not known here.
using Resolve = std::function<std::string(const std::string& reference)>;

// What is known of a time zone, by its name.
using TimeZoneOf = std::function<Result<TimeZone>(const std::string& name)>;

struct NodeOrders {
    std::string node;
    json::Array services;  // spec.services
    json::Array policies;  // spec.trustPolicies
};

struct Orders {
    std::vector<NodeOrders> nodes;               // whose orders change
    std::map<std::string, std::int64_t> epochs;  // of services whose replicas move
    place::Plan plan;
};

// INVALID_ARGUMENT or RESOURCE_EXHAUSTED as place::plan() says.
Result<Orders> decide_orders(const Cluster& cluster, const Resolve& resolve);

}  // namespace hf::control
