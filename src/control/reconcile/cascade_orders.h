// What a replica is told of its service's cascade: the terms, as the Service has them, and which
// replica of the upstream it asks, or why none. Pure.

#pragma once

#include <map>
#include <set>
#include <string>
#include <utility>

#include "api/object.h"
#include "control/place/cascade.h"
#include "control/reconcile/orders.h"

namespace hf::control {

class CascadeOrders final {
public:
    // REQUIRES: the plan is of this fleet, made of the cluster; the cluster outlives this.
    CascadeOrders(const Cluster& cluster, const place::Fleet& fleet, const place::Plan& plan);

    // The order's "cascade" for a replica on that machine. Null: the service has none. `before` is
    // the order that the machine has, or null: one that is lost is told nothing new.
    json::Value order(const api::Object& service, const std::string& node,
                      const json::Value* before) const;

private:
    const Cluster& cluster_;
    std::map<std::pair<std::string, std::string>, place::CascadeLink> links_;  // service, node
    std::set<std::string> asking_;  // services whose upstream is there
};

}  // namespace hf::control
