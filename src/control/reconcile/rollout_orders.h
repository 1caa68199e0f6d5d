// Between a roll-out (rollout/step.h) and the Nodes: what it observes of their orders and reports,
// and how what it decides is written into an order. The record of step.h is the order in the Node's
// spec; its fields `rollout` (the token), `orderedAt` and `modelBefore` (the reference that goes
// with the version before) are the roll-out's.
//
// Pure.

#pragma once

#include "api/window.h"
#include "control/reconcile/orders.h"
#include "control/rollout/step.h"

namespace hf::control {

// Every machine that is ordered to run the service ("namespace/name"), by name. A machine that says
// nothing of its order, or is lost, is unreachable since it was last heard.
std::vector<rollout::NodeState> observe_nodes(const std::string& service, const Objects& nodes);

// How each version answers, over the machines that report it, lost ones not counted.
std::map<std::string, rollout::Metrics> observe_metrics(const std::string& service,
                                                        const Objects& nodes);

// The version that the service's machines have on record before a roll-out: that of most of them;
// empty when there is none.
std::string present_digest(const std::string& service, const Objects& nodes);

struct RolloutWrite {
    const rollout::Action& action;  // kOrder or kReturn
    std::string service;
    std::string model;  // the reference that goes with the digest; back: if none is on record
    Instant now;
    const api::Windows& windows;  // in which it may be followed
    bool download_ahead = false;
};

// Writes the order into the Node's spec. False, and nothing is changed, when the machine is not
// ordered to run the service any more, or has an order of the same roll-out that is not older.
bool write_order(api::Object& node, const RolloutWrite& write);

}  // namespace hf::control
