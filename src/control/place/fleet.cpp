#include "control/place/fleet.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string_view>

namespace hf::control::place {
namespace {

struct Bounds {
    std::string_view name;
    std::int64_t value;
    std::int64_t least;
    std::int64_t most;
};

Status within(const std::vector<Bounds>& fields) {
    for (const Bounds& field : fields) {
        if (field.value < field.least || field.value > field.most) {
            return invalid_argument("{} is {}; want {} to {}", field.name, field.value, field.least,
                                    field.most);
        }
    }
    return {};
}

template <typename Named>
Status check_names(const std::vector<Named>& entries, std::string_view what, std::size_t most) {
    if (entries.size() > most) {
        return resource_exhausted("{} {}s; at most {} are planned at once: split the fleet",
                                  entries.size(), what, most);
    }
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].name.empty()) {
            return invalid_argument("{} number {}: give it a name", what, i);
        }
        if (!seen.insert(entries[i].name).second) {
            return invalid_argument("{} {}: is there twice; names must differ", what,
                                    entries[i].name);
        }
    }
    return {};
}

Status check_site(const Site& site) {
    HF_TRY(within({{"pue_milli", site.pue_milli, 1000, 10'000}}));
    if (site.latency < Duration{})
        return invalid_argument("latency is negative; want zero or more");
    return {};
}

Status check_node(const Node& node) {
    if (node.device_kind.empty()) {
        return invalid_argument("device_kind is empty; want \"cpu\" or the model of its GPUs");
    }
    return within({{"cpu_milli", node.cpu_milli, 0, kAmountMax},
                   {"memory_mib", node.memory_mib, 0, kAmountMax},
                   {"gpus", node.gpus, 0, kDevicesMax},
                   {"price_micros", node.price_micros, 0, kPriceMaxMicros},
                   {"watts_max", node.watts_max, 0, kWattsMax}});
}

Status check_weight(std::string_view name, double weight) {
    if (std::isfinite(weight) && weight >= 0 && weight <= kWeightMax) return {};
    return invalid_argument("{} is {}; want 0 to {}", name, weight, kWeightMax);
}

Status check_service(const Service& service) {
    HF_TRY(check(service.demand));
    if (service.demand == Demand{}) {
        return invalid_argument("a replica asks for nothing; give it some cpu_milli at least");
    }
    HF_TRY(within({{"replicas", service.replicas, 0, kReplicasMax},
                   {"priority", service.priority, -kPriorityMax, kPriorityMax},
                   {"domain_max", service.domain_max, 0, kReplicasMax},
                   {"node_max", service.node_max, 0, kReplicasMax}}));
    if (service.latency_max < Duration{}) {
        return invalid_argument("latency_max is negative; want zero (any) or more");
    }
    if (service.pinned.size() > kPinnedMax) {
        return resource_exhausted("it names {} machines; at most {}: use residency or kinds",
                                  service.pinned.size(), kPinnedMax);
    }
    HF_TRY(check_weight("cost_weight", service.cost_weight));
    return check_weight("energy_weight", service.energy_weight);
}

// Of every site and every node that it passes.
Status check_places(const Fleet& fleet) {
    HF_TRY(check_names(fleet.sites, "site", kSitesMax));
    HF_TRY(check_names(fleet.nodes, "node", kNodesMax));
    std::set<std::string_view> sites;
    for (const Site& site : fleet.sites) {
        HF_TRY(check_site(site).context("site {}", site.name));
        sites.insert(site.name);
    }
    std::set<std::string_view> kinds;
    for (const Node& node : fleet.nodes) {
        HF_TRY(check_node(node).context("node {}", node.name));
        if (!sites.contains(node.site)) {
            return invalid_argument(
                "node {}: its site '{}' is not there; declare it, or correct "
                "the name",
                node.name, node.site);
        }
        kinds.insert(node.device_kind);
    }
    if (kinds.size() > kKindsMax) {
        return resource_exhausted("{} kinds of device; at most {} are planned at once",
                                  kinds.size(), kKindsMax);
    }
    return {};
}

// Every upstream is there, and following it ends.
Status check_cascades(const std::vector<Service>& services) {
    std::map<std::string_view, const Service*> by_name;
    for (const Service& service : services) by_name.emplace(service.name, &service);
    std::set<std::string_view> ends;  // known not to come back
    for (const Service& service : services) {
        std::set<std::string_view> path;
        for (const Service* at = &service; !ends.contains(at->name);) {
            if (!path.insert(at->name).second) {
                return invalid_argument("service {}: its upstreams come back to {}; break the ring",
                                        service.name, at->name);
            }
            if (at->upstream.empty()) break;
            const auto next = by_name.find(at->upstream);
            if (next == by_name.end()) {
                return invalid_argument(
                    "service {}: its upstream '{}' is not there; declare it, "
                    "or correct the name",
                    at->name, at->upstream);
            }
            at = next->second;
        }
        ends.merge(path);
    }
    return {};
}

}  // namespace

Status check(const Demand& demand) {
    HF_TRY(within({{"cpu_milli", demand.cpu_milli, 0, kAmountMax},
                   {"memory_mib", demand.memory_mib, 0, kAmountMax},
                   {"gpus", demand.gpus, 0, kDevicesMax},
                   {"gpu_milli", demand.gpu_milli, demand.gpus == 0 ? 0 : 1, kDeviceMilli}}));
    if (demand.gpus > 1 && demand.gpu_milli != kDeviceMilli) {
        return invalid_argument("{} GPUs of {} thousandths; several must be whole: gpu_milli {}",
                                demand.gpus, demand.gpu_milli, kDeviceMilli);
    }
    if (demand.gpus == 0 && demand.gpu_milli != 0) {
        return invalid_argument("gpu_milli is {} of no GPU; set gpus to 1, or gpu_milli to 0",
                                demand.gpu_milli);
    }
    return {};
}

Status check(const Fleet& fleet) {
    HF_TRY(check_places(fleet));
    HF_TRY(check_names(fleet.services, "service", kServicesMax));
    std::int64_t replicas = 0;
    for (const Service& service : fleet.services) {
        HF_TRY(check_service(service).context("service {}", service.name));
        replicas += service.replicas;
    }
    if (replicas > kReplicasMax) {
        return resource_exhausted("{} replicas in all; at most {} are planned at once", replicas,
                                  kReplicasMax);
    }
    HF_TRY(check_cascades(fleet.services));
    if (fleet.present.size() > static_cast<std::size_t>(kReplicasMax)) {
        return resource_exhausted("{} replicas run; at most {} are planned at once",
                                  fleet.present.size(), kReplicasMax);
    }
    return {};
}

}  // namespace hf::control::place
