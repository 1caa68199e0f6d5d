// Fleets drawn from a seed, small enough to check by hand-written loops, and those loops: an own
// reading of the rules that shares no code with the placer.

#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "control/place/plan.h"

namespace hf::control::place {

inline std::string pick_name(Rng& rng, const char* prefix, std::uint64_t count) {
    return prefix + std::to_string(rng.below(count));
}

inline Node random_node(Rng& rng, std::size_t number, std::uint64_t sites) {
    Node node;
    node.name = "n" + std::to_string(number);
    node.site = pick_name(rng, "s", sites);
    node.gpus = static_cast<int>(rng.below(4));
    node.device_kind = node.gpus == 0 ? "cpu" : pick_name(rng, "G", 3);
    node.cpu_milli = static_cast<std::int64_t>(1000 * rng.below(9));
    node.memory_mib = static_cast<std::int64_t>(1024 * rng.below(9));
    node.price_micros = static_cast<std::int64_t>(1000 * (1 + rng.below(5)));
    node.watts_max = static_cast<std::int64_t>(100 * rng.below(4));
    node.ready = rng.below(8) != 0;
    return node;
}

inline Service random_service(Rng& rng, std::size_t number, std::size_t nodes) {
    Service service;
    service.name = "d/v" + std::to_string(number);
    service.demand.cpu_milli = static_cast<std::int64_t>(500 * (1 + rng.below(6)));
    service.demand.memory_mib = static_cast<std::int64_t>(512 * rng.below(5));
    service.demand.gpus = static_cast<int>(rng.below(3));
    if (service.demand.gpus == 1) {
        service.demand.gpu_milli = static_cast<int>(100 * (1 + rng.below(10)));
    } else if (service.demand.gpus > 1) {
        service.demand.gpu_milli = kDeviceMilli;
    }
    service.replicas = static_cast<std::int64_t>(rng.below(6));
    service.priority = static_cast<int>(rng.below(2));
    const auto some = [&](std::vector<std::string>& list, const char* prefix, std::uint64_t of) {
        for (std::uint64_t i = 1 + rng.below(2); i > 0; --i)
            list.push_back(pick_name(rng, prefix, of));
    };
    if (rng.below(3) == 0) some(service.residency.allowed, "J", 3);
    if (rng.below(4) == 0) some(service.residency.forbidden, "J", 3);
    if (rng.below(5) == 0) some(service.device_kinds, "G", 3);
    if (rng.below(6) == 0) some(service.pinned, "n", nodes + 1);
    if (rng.below(5) == 0) service.latency_max = std::chrono::milliseconds(rng.below(30));
    if (rng.below(4) == 0) service.domain_max = static_cast<std::int64_t>(1 + rng.below(2));
    if (rng.below(4) == 0) service.node_max = static_cast<std::int64_t>(1 + rng.below(2));
    service.energy_weight = static_cast<double>(rng.below(3));
    service.leaving = rng.below(10) == 0;
    return service;
}

inline Fleet random_fleet(Rng& rng, std::size_t nodes, std::size_t services) {
    Fleet fleet;
    const std::uint64_t sites = 1 + rng.below(4);
    for (std::uint64_t i = 0; i < sites; ++i) {
        Site site;
        site.name = "s" + std::to_string(i);
        if (rng.below(5) != 0) site.jurisdiction = pick_name(rng, "J", 3);
        if (rng.below(3) == 0) site.fault_domain = pick_name(rng, "f", 2);
        site.latency = std::chrono::milliseconds(rng.below(40));
        fleet.sites.push_back(site);
    }
    for (std::size_t i = 0; i < nodes; ++i) fleet.nodes.push_back(random_node(rng, i, sites));
    for (std::size_t i = 0; i < services; ++i) {
        fleet.services.push_back(random_service(rng, i, nodes));
    }
    for (std::uint64_t i = rng.below(8); i > 0; --i) {
        Replica replica{pick_name(rng, "d/v", services + 1), pick_name(rng, "n", nodes + 1), {}};
        for (std::uint64_t d = rng.below(3); d > 0; --d) {
            replica.devices.push_back(static_cast<int>(rng.below(5)) - 1);
        }
        fleet.present.push_back(replica);
    }
    return fleet;
}

// What stands where, by a second reading of the rules.
class Referee {
public:
    explicit Referee(const Fleet& fleet) {
        for (const Site& site : fleet.sites) sites_[site.name] = site;
        for (const Node& node : fleet.nodes) {
            nodes_[node.name] = node;
            free_[node.name] = {node.cpu_milli, node.memory_mib,
                                std::vector<int>(static_cast<std::size_t>(node.gpus), 1000)};
        }
        for (const Service& service : fleet.services) services_[service.name] = service;
    }

    // Empty when the replica may stand there besides those before it, else what is wrong.
    std::string add(const Replica& replica) {
        const std::string wrong = objection(replica.service, replica.node);
        if (!wrong.empty()) return wrong;
        const Demand& demand = services_[replica.service].demand;
        Free& free = free_[replica.node];
        if (replica.devices.size() != static_cast<std::size_t>(demand.gpus)) return "device count";
        for (const int device : replica.devices) {
            if (device < 0 || device >= nodes_[replica.node].gpus) return "no such device";
            int& left = free.devices[static_cast<std::size_t>(device)];
            left -= demand.gpu_milli;
            if (left < 0) return "device overdrawn";
        }
        free.cpu -= demand.cpu_milli;
        free.memory -= demand.memory_mib;
        ++on_node_[{replica.service, replica.node}];
        ++in_domain_[{replica.service, domain(replica.node)}];
        return {};
    }

    // Whether one more replica could stand there, on any devices.
    bool could(const std::string& service, const std::string& node) {
        if (!objection(service, node).empty()) return false;
        const Demand& demand = services_[service].demand;
        const std::vector<int>& devices = free_[node].devices;
        return std::count_if(devices.begin(), devices.end(),
                             [&](int left) { return left >= demand.gpu_milli; }) >= demand.gpus;
    }

    bool could_anywhere(const std::string& service) {
        return std::any_of(nodes_.begin(), nodes_.end(),
                           [&](const auto& node) { return could(service, node.first); });
    }

private:
    struct Free {
        std::int64_t cpu = 0;
        std::int64_t memory = 0;
        std::vector<int> devices;
    };

    static bool has(const std::vector<std::string>& list, const std::string& name) {
        return std::find(list.begin(), list.end(), name) != list.end();
    }

    std::string domain(const std::string& node) {
        const Site& site = sites_[nodes_[node].site];
        return site.fault_domain.empty() ? site.name : site.fault_domain;
    }

    std::string objection(const std::string& name, const std::string& where) {
        if (!services_.contains(name) || !nodes_.contains(where)) return "unknown name";
        const Service& service = services_[name];
        const Node& node = nodes_[where];
        const Site& site = sites_[node.site];
        if (!node.ready) return "not ready";
        if (!service.pinned.empty() && !has(service.pinned, where)) return "not pinned";
        const bool restricted =
            !service.residency.allowed.empty() || !service.residency.forbidden.empty();
        if (restricted && site.jurisdiction.empty()) return "residency: unknown";
        if (has(service.residency.forbidden, site.jurisdiction)) return "residency: forbidden";
        if (!service.residency.allowed.empty() &&
            !has(service.residency.allowed, site.jurisdiction)) {
            return "residency: not allowed";
        }
        if (service.latency_max.count() > 0 && site.latency > service.latency_max) return "latency";
        if (!service.device_kinds.empty() && !has(service.device_kinds, node.device_kind)) {
            return "kind";
        }
        const Free& free = free_[where];
        if (free.cpu < service.demand.cpu_milli) return "cpu";
        if (free.memory < service.demand.memory_mib) return "memory";
        if (service.node_max > 0 && on_node_[{name, where}] >= service.node_max) return "node_max";
        if (service.domain_max > 0 && in_domain_[{name, domain(where)}] >= service.domain_max) {
            return "domain_max";
        }
        return {};
    }

    std::map<std::string, Site> sites_;
    std::map<std::string, Node> nodes_;
    std::map<std::string, Service> services_;
    std::map<std::string, Free> free_;
    std::map<std::pair<std::string, std::string>, std::int64_t> on_node_, in_domain_;
};

}  // namespace hf::control::place
