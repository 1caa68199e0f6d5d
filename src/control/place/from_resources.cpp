#include "control/place/from_resources.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/place/upstreams.h"
#include "control/scale/spec.h"

namespace hf::control::place {
namespace {

// Names the site of a machine that declares none: no Site can be called that.
constexpr std::string_view kNowhere = "(none)";

const json::Value& part(const json::Value& value, std::string_view key) {
    static const json::Value kNull;
    const json::Value* found = json::find(value, key);
    return found ? *found : kNull;
}

Duration milliseconds(const json::Value& value, std::string_view key) {
    return std::chrono::milliseconds(json::get_int(value, key));
}

Site site_from(const api::Object& object) {
    Site site;
    site.name = object.name();
    site.jurisdiction = json::get_string(object.spec(), "jurisdiction");
    site.fault_domain = json::get_string(object.spec(), "faultDomain");
    site.latency = milliseconds(object.spec(), "latencyMilliseconds");
    site.pue_milli = json::get_int(object.spec(), "pueMilli", 1000);
    return site;
}

Node node_from(const api::Object& object) {
    const json::Value& capacity = part(object.status(), "capacity");
    Node node;
    node.name = object.name();
    node.site = json::get_string(object.spec(), "site", kNowhere);
    node.cpu_milli = std::min(kAmountMax, 1000 * json::get_int(capacity, "cpus"));
    node.memory_mib = std::min(kAmountMax, json::get_int(capacity, "memoryBytes") >> 20);
    node.gpus = static_cast<int>(json::get_int(capacity, "gpus"));
    node.device_kind = json::get_string(capacity, "gpuModel", node.gpus > 0 ? "gpu" : "cpu");
    node.price_micros = json::get_int(capacity, "priceMicros");
    node.watts_max = json::get_int(capacity, "wattsMax");
    node.ready = api::is_true(object, "Ready") && !object.being_removed() &&
                 !json::get_bool(object.spec(), "drain");
    return node;
}

Demand demand_from(const json::Value& resources) {
    Demand demand;
    demand.cpu_milli = json::get_int(resources, "cpuMilli", kDefaultCpuMilli);
    demand.memory_mib = json::get_int(resources, "memoryMebibytes", kDefaultMemoryMib);
    const bool shared = json::find(resources, "gpuMilli") != nullptr;
    demand.gpus = static_cast<int>(json::get_int(resources, "gpus", shared ? 1 : 0));
    demand.gpu_milli =
        demand.gpus == 0 ? 0 : static_cast<int>(json::get_int(resources, "gpuMilli", kDeviceMilli));
    return demand;
}

Service service_from(const api::Object& object) {
    const json::Value& placement = part(object.spec(), "placement");
    Service service;
    service.name = fmt::format("{}/{}", object.ns(), object.name());
    service.demand = demand_from(part(object.spec(), "resources"));
    service.replicas = wanted_replicas(object);
    service.priority = static_cast<int>(json::get_int(placement, "priority"));
    service.residency.allowed = json::strings_of(placement, "jurisdictions");
    service.residency.forbidden = json::strings_of(placement, "forbiddenJurisdictions");
    service.device_kinds = json::strings_of(placement, "deviceKinds");
    service.pinned = json::strings_of(placement, "nodes");
    service.latency_max = milliseconds(placement, "latencyMilliseconds");
    service.domain_max = json::get_int(placement, "maxPerDomain");
    service.node_max = json::get_int(placement, "maxPerNode", 1);
    service.cost_weight = static_cast<double>(json::get_int(placement, "costWeight", 1));
    service.energy_weight = static_cast<double>(json::get_int(placement, "energyWeight"));
    service.upstream_in_jurisdiction =
        json::get_bool(part(object.spec(), "cascade"), "inJurisdiction");
    return service;
}

// What the machine was ordered to run.
void add_present(const api::Object& node, std::vector<Replica>& present) {
    for (const json::Value& order : json::items_of(node.spec(), "services")) {
        Replica replica{fmt::format("{}/{}", json::get_string(order, "namespace"),
                                    json::get_string(order, "name")),
                        std::string(node.name()),
                        {}};
        for (const json::Value& device : json::items_of(order, "devices")) {
            if (device.is_int64()) replica.devices.push_back(static_cast<int>(device.get_int64()));
        }
        present.push_back(std::move(replica));
    }
}

}  // namespace

std::int64_t wanted_replicas(const api::Object& service) {
    const std::optional<scale::ScaleSpec> spec = scale::scale_spec_of(service);
    if (!spec) return json::get_int(service.spec(), "replicas", 1);
    return std::clamp(json::get_int(service.status(), "wantedReplicas", spec->min), spec->min,
                      spec->max);
}

Fleet fleet_from(const FleetResources& resources) {
    Fleet fleet;
    for (const api::Object* site : resources.sites) fleet.sites.push_back(site_from(*site));
    for (const api::Object* node : resources.nodes) {
        fleet.nodes.push_back(node_from(*node));
        // A Site that is not there, or no more, says nothing of its machines.
        std::string& site = fleet.nodes.back().site;
        const bool known = std::any_of(fleet.sites.begin(), fleet.sites.end(),
                                       [&](const Site& each) { return each.name == site; });
        if (!known) site = kNowhere;
        add_present(*node, fleet.present);
    }
    const bool nowhere = std::any_of(fleet.nodes.begin(), fleet.nodes.end(),
                                     [](const Node& node) { return node.site == kNowhere; });
    if (nowhere) {
        fleet.sites.emplace_back();
        fleet.sites.back().name = kNowhere;
    }
    const Upstreams upstreams = upstreams_of(resources.services);
    for (const api::Object* object : resources.services) {
        Service service = service_from(*object);
        if (judge_chain(upstreams, service.name) == Chain::kGood) {
            service.upstream = upstreams.at(service.name);
        }
        if (object->being_removed()) {
            service.leaving = true;
            service.replicas = std::count_if(
                fleet.present.begin(), fleet.present.end(),
                [&](const Replica& replica) { return replica.service == service.name; });
        }
        fleet.services.push_back(std::move(service));
    }
    return fleet;
}

}  // namespace hf::control::place
