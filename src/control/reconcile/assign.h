// Which node runs which service, as a function from what is to what should be.
//
// A service stays where it is while its node is ready; otherwise it goes to the ready node with the
// fewest services, by name where they tie. Order of inputs does not matter.
//
// Pure. The shell (reconcile/loop.h) reads resources, calls this, and writes what changed.

#pragma once

#include <string>
#include <vector>

namespace hf::control {

struct NodeFacts {
    std::string name;
    bool ready = false;
};

struct ServiceFacts {
    std::string key;       // "namespace/name"
    std::string node;      // where it is now; empty: nowhere
    bool leaving = false;  // being deleted: it counts as load, and is not moved
};

struct Assignment {
    std::string service;
    std::string node;  // empty: no node can take it
    std::string why;   // for people: "node a is ready and has the fewest services (0)"
};

// Only what changes, by service.
std::vector<Assignment> assign_services(const std::vector<NodeFacts>& nodes,
                                        const std::vector<ServiceFacts>& services);

}  // namespace hf::control
