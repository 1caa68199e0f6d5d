#include "control/reconcile/assign.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace hf::control {

std::vector<Assignment> assign_services(const std::vector<NodeFacts>& nodes,
                                        const std::vector<ServiceFacts>& services) {
    std::map<std::string, std::size_t> load;  // of ready nodes
    for (const NodeFacts& node : nodes) {
        if (node.ready) load.emplace(node.name, 0);
    }
    std::vector<const ServiceFacts*> homeless;
    for (const ServiceFacts& service : services) {
        const auto home = load.find(service.node);
        if (home != load.end()) {
            ++home->second;
        } else if (!service.leaving) {
            homeless.push_back(&service);
        }
    }
    std::sort(homeless.begin(), homeless.end(),
              [](const ServiceFacts* a, const ServiceFacts* b) { return a->key < b->key; });
    std::vector<Assignment> changes;
    for (const ServiceFacts* service : homeless) {
        const auto best =
            std::min_element(load.begin(), load.end(),
                             [](const auto& a, const auto& b) { return a.second < b.second; });
        if (best == load.end()) {
            if (!service->node.empty()) {
                changes.push_back({service->key, "", "no node is ready"});
            }
            continue;
        }
        changes.push_back({service->key, best->first,
                           fmt::format("node {} is ready and has the fewest services ({})",
                                       best->first, best->second)});
        ++best->second;
    }
    return changes;
}

}  // namespace hf::control
