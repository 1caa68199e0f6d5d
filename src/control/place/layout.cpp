#include "control/place/layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

namespace hf::control::place {
namespace {

struct Wording {
    Refusal refusal;
    std::string_view name;
    std::string_view meaning;
};

constexpr std::array kWordings{
    Wording{Refusal::kNone, "Fits", "takes it"},
    Wording{Refusal::kGone, "Gone", "is not there any more"},
    Wording{Refusal::kUnwanted, "Unwanted", "fewer replicas are wanted"},
    Wording{Refusal::kNotPinned, "NotPinned", "is none of the machines that the service names"},
    Wording{Refusal::kNotReady, "NotReady", "is not ready"},
    Wording{Refusal::kJurisdictionForbidden, "JurisdictionForbidden",
            "stands in a jurisdiction that the service forbids"},
    Wording{Refusal::kJurisdictionNotAllowed, "JurisdictionNotAllowed",
            "stands in a jurisdiction that the service does not list"},
    Wording{Refusal::kJurisdictionUnknown, "JurisdictionUnknown",
            "stands where no jurisdiction is declared, and the service asks for one"},
    Wording{Refusal::kJurisdictionLeft, "JurisdictionLeft",
            "stands outside the jurisdiction that data may not leave"},
    Wording{Refusal::kLatency, "Latency", "is too far from those who ask"},
    Wording{Refusal::kDeviceKind, "DeviceKind", "has another kind of device"},
    Wording{Refusal::kSmallCpu, "TooFewCpus", "has too few CPUs even when empty"},
    Wording{Refusal::kSmallMemory, "TooLittleMemory", "has too little memory even when empty"},
    Wording{Refusal::kSmallGpu, "TooFewGpus", "has too few GPUs even when empty"},
    Wording{Refusal::kDomainFull, "DomainFull",
            "its fault domain has as many replicas as the service allows"},
    Wording{Refusal::kNodeFull, "NodeFull", "has as many replicas as the service allows"},
    Wording{Refusal::kNoCpu, "CpuTaken", "has too little CPU left"},
    Wording{Refusal::kNoMemory, "MemoryTaken", "has too little memory left"},
    Wording{Refusal::kNoGpu, "GpuTaken", "has too little left of its GPUs"},
    Wording{Refusal::kOutscored, "Outscored", "is allowed; another was better or had room"},
};

const Wording& wording(Refusal refusal) {
    return kWordings[static_cast<std::size_t>(refusal)];
}

bool lists(const std::vector<std::string>& names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

double share(std::int64_t wanted, std::int64_t there) {
    return wanted == 0 ? 0 : static_cast<double>(wanted) / static_cast<double>(there);
}

Demand capacity_of(const Node& node) {
    return {node.cpu_milli, node.memory_mib, node.gpus, node.gpus == 0 ? 0 : kDeviceMilli};
}

auto group_key(const Node& node) {
    return std::tuple(std::string_view(node.site), std::string_view(node.device_kind),
                      capacity_of(node), node.price_micros, node.watts_max);
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
    return wording(refusal).name;
}

std::string_view refusal_meaning(Refusal refusal) {
    return wording(refusal).meaning;
}

Refusal judge_residency(const Residency& residency, const std::string& jurisdiction) {
    if (!residency.restricts()) return Refusal::kNone;
    if (jurisdiction.empty()) return Refusal::kJurisdictionUnknown;
    if (lists(residency.forbidden, jurisdiction)) return Refusal::kJurisdictionForbidden;
    if (!residency.allowed.empty() && !lists(residency.allowed, jurisdiction)) {
        return Refusal::kJurisdictionNotAllowed;
    }
    return Refusal::kNone;
}

Refusal judge_free(const State& state, const Demand& demand) {
    if (demand.cpu_milli > state.cpu_milli) return Refusal::kNoCpu;
    if (demand.memory_mib > state.memory_mib) return Refusal::kNoMemory;
    return fits(state, demand) ? Refusal::kNone : Refusal::kNoGpu;
}

double dominant_share(const Demand& demand, const Demand& capacity) {
    return std::max({share(demand.cpu_milli, capacity.cpu_milli),
                     share(demand.memory_mib, capacity.memory_mib),
                     share(demand.gpu_total_milli(), capacity.gpu_total_milli())});
}

Layout::Layout(const Fleet& fleet) {
    add_groups(fleet);
    for (const Group& group : groups_) {
        largest_.cpu_milli = std::max(largest_.cpu_milli, group.capacity.cpu_milli);
        largest_.memory_mib = std::max(largest_.memory_mib, group.capacity.memory_mib);
        largest_.gpus = std::max(largest_.gpus, group.capacity.gpus);
    }
    for (const Service& service : fleet.services) services_.push_back(&service);
    std::sort(services_.begin(), services_.end(),
              [](const Service* a, const Service* b) { return a->name < b->name; });
}

void Layout::add_groups(const Fleet& fleet) {
    std::map<std::string_view, const Site*> sites;
    for (const Site& site : fleet.sites) sites.emplace(site.name, &site);
    std::map<std::string_view, std::uint32_t> domains, kinds;
    for (const auto& [name, site] : sites) {
        domains.emplace(site->fault_domain.empty() ? name : site->fault_domain, 0);
    }
    for (const Node& node : fleet.nodes) kinds.emplace(node.device_kind, 0);
    for (auto* numbers : {&domains, &kinds}) {
        std::uint32_t next = 0;
        for (auto& [name, number] : *numbers) number = next++;
    }
    domain_count_ = domains.size();
    using Key = decltype(group_key(fleet.nodes.front()));
    std::map<Key, GroupIndex> numbers;
    for (const Node& node : fleet.nodes) numbers.emplace(group_key(node), 0);
    for (auto& [key, number] : numbers) {
        number = static_cast<GroupIndex>(groups_.size());
        Group group;
        group.site = sites.at(std::get<0>(key));
        std::tie(std::ignore, group.device_kind, group.capacity, group.price_micros,
                 group.watts_max) = key;
        group.kind = kinds.at(group.device_kind);
        const std::string& domain = group.site->fault_domain;
        group.domain = domains.at(domain.empty() ? group.site->name : domain);
        groups_.push_back(group);
    }
    for (const Node& node : fleet.nodes) {
        Group& group = groups_[numbers.at(group_key(node))];
        ++(node.ready ? group.ready : group.not_ready);
        if (node.ready) machines_.push_back(&node);
        nodes_.emplace(node.name, kNone);
    }
    std::sort(machines_.begin(), machines_.end(),
              [](const Node* a, const Node* b) { return a->name > b->name; });
    for (const Node* node : machines_) {
        nodes_[node->name] = static_cast<MachineIndex>(group_of_.size());
        group_of_.push_back(numbers.at(group_key(*node)));
    }
}

MachineIndex Layout::find(std::string_view node) const {
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? kNone : found->second;
}

Refusal Layout::judge(const Service& service, const Group& group) const {
    const Refusal residency = judge_residency(service.residency, group.site->jurisdiction);
    if (residency != Refusal::kNone) return residency;
    if (service.latency_max > Duration{} && group.site->latency > service.latency_max) {
        return Refusal::kLatency;
    }
    if (!service.device_kinds.empty() && !lists(service.device_kinds, group.device_kind)) {
        return Refusal::kDeviceKind;
    }
    switch (judge_free(empty_state(0, group.capacity), service.demand)) {
        case Refusal::kNoCpu: return Refusal::kSmallCpu;
        case Refusal::kNoMemory: return Refusal::kSmallMemory;
        case Refusal::kNoGpu: return Refusal::kSmallGpu;
        default: return Refusal::kNone;
    }
}

Cost Layout::cost(const Service& service, const Group& group) const {
    const double share = dominant_share(service.demand, group.capacity);
    const double pue = static_cast<double>(group.site->pue_milli) / 1000;
    return {service.cost_weight * share * static_cast<double>(group.price_micros),
            service.energy_weight * share * static_cast<double>(group.watts_max) * pue};
}

}  // namespace hf::control::place
