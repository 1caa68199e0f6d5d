#include "control/reconcile/orders.h"

#include <algorithm>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "base/json_lists.h"
#include "control/place/from_resources.h"
#include "control/reconcile/cascade_orders.h"
#include "control/rollout/token.h"

namespace hf::control {
namespace {

// One service on one machine.
struct Seat {
    std::string service;
    std::string node;
    friend auto operator<=>(const Seat&, const Seat&) = default;
};

std::string service_of(const json::Value& order) {
    return fmt::format("{}/{}", json::get_string(order, "namespace"),
                       json::get_string(order, "name"));
}

std::vector<const api::Object*> values_of(const Objects& objects) {
    std::vector<const api::Object*> values;
    for (const auto& [key, object] : objects) values.push_back(&object);
    return values;
}

using Present = std::map<Seat, const json::Value*>;  // into the nodes' specs

Present present_orders(const Objects& nodes) {
    Present present;
    for (const auto& [name, node] : nodes) {
        for (const json::Value& order : json::items_of(node.spec(), "services")) {
            present.emplace(Seat{service_of(order), name}, &order);
        }
    }
    return present;
}

// What each reference stands for is asked once, however many machines are ordered to run it.
Resolve asked_once(const Resolve& resolve) {
    if (!resolve) return resolve;
    return [&resolve,
            known = std::map<std::string, std::string>()](const std::string& reference) mutable {
        const auto [at, news] = known.try_emplace(reference);
        if (news) at->second = resolve(reference);
        return at->second;
    };
}

bool names(const json::Array& list, std::string_view text) {
    return std::any_of(list.begin(), list.end(), [&](const json::Value& each) {
        return each.is_string() && json::as_view(each.get_string()) == text;
    });
}

// Whether the data of the service may lie where the machine stands. The placer does not say: of a
// machine that is lost it says nothing else.
bool may_lie(const Cluster& cluster, const Seat& seat) {
    const json::Value* placement =
        json::find(cluster.services.at(seat.service).spec(), "placement");
    if (!placement) return true;
    const json::Array& only = json::items_of(*placement, "jurisdictions");
    const json::Array& never = json::items_of(*placement, "forbiddenJurisdictions");
    if (only.empty() && never.empty()) return true;
    const auto node = cluster.nodes.find(seat.node);
    if (node == cluster.nodes.end()) return false;
    const auto site =
        cluster.sites.find(std::string(json::get_string(node->second.spec(), "site")));
    if (site == cluster.sites.end()) return false;
    const std::string_view here = json::get_string(site->second.spec(), "jurisdiction");
    return !here.empty() && !names(never, here) && (only.empty() || names(only, here));
}

// Which machines have each service from now on, with the GPUs of its replicas there.
std::map<Seat, std::set<int>> seats_of(const Cluster& cluster, const place::Plan& plan) {
    std::map<Seat, std::set<int>> seats;
    for (const place::ServicePlan& service : plan.services) {
        for (const place::Placed& placed : service.placed) {
            std::set<int>& devices = seats[{service.service, placed.replica.node}];
            devices.insert(placed.replica.devices.begin(), placed.replica.devices.end());
        }
        // Nobody else can take it: the lost machine keeps the order, the first by name first.
        std::int64_t missing = service.missing();
        for (const place::Displaced& lost : service.displaced) {
            const Seat seat{service.service, lost.replica.node};
            if (lost.why != place::Refusal::kNotReady || missing <= 0) continue;
            if (!may_lie(cluster, seat)) continue;
            --missing;
            std::set<int>& devices = seats[seat];
            devices.insert(lost.replica.devices.begin(), lost.replica.devices.end());
        }
    }
    return seats;
}

// A version of a service.
struct Version {
    std::string digest;    // empty: none
    bool brought = false;  // by a roll-out, not by looking up what the model's reference means
};

struct OrderParts {
    const api::Object& service;
    const json::Value* before;  // null: the machine does not have it yet
    const std::set<int>& devices;
    std::int64_t epoch;
    bool rolling;         // a roll-out moves the service
    json::Value cascade;  // null: it has none
    Version known;        // that other machines have for it
};

bool is_forward(const json::Value& order) {
    const auto token = rollout::parse_token(json::get_string(order, "rollout"));
    return token.ok() && token->why == rollout::Why::kForward;
}

// Whether the order's version is what the service's model stands for: it was looked up for this
// generation, or a roll-out has brought it there, or back to it.
bool still_means(const json::Value& order, const api::Object& service) {
    if (json::get_string(order, "digest").empty()) return false;
    if (json::get_string(order, "model") != json::get_string(service.spec(), "model")) return false;
    return json::get_int(order, "generation") == service.generation() ||
           json::find(order, "rollout");
}

std::string digest_of(const OrderParts& parts, const Resolve& resolve) {
    const std::string reference(json::get_string(parts.service.spec(), "model"));
    if (parts.before && still_means(*parts.before, parts.service)) {
        // One that was only looked up gives way to what a roll-out has brought the others.
        const bool gives_way = parts.known.brought && !json::find(*parts.before, "rollout");
        if (!gives_way) return std::string(json::get_string(*parts.before, "digest"));
    }
    if (!parts.known.digest.empty()) return parts.known.digest;
    return resolve ? resolve(reference) : std::string();
}

json::Value order_for(const OrderParts& parts, const Resolve& resolve) {
    const json::Value& spec = parts.service.spec();
    json::Object order{{"namespace", parts.service.ns()},
                       {"name", parts.service.name()},
                       {"uid", parts.service.uid()},
                       {"generation", parts.service.generation()},
                       {"epoch", parts.epoch},
                       {"model", json::get_string(spec, "model")},
                       {"device", json::get_string(spec, "device", "auto")},
                       {"trustPolicy", json::get_string(spec, "trustPolicy", "default")}};
    if (parts.rolling && parts.before) {
        for (std::string_view key : {"model", "digest", "rollout", "orderedAt", "modelBefore",
                                     "windows", "downloadAhead"}) {
            if (const json::Value* kept = json::find(*parts.before, key)) order[key] = *kept;
        }
    } else {
        if (const std::string digest = digest_of(parts, resolve); !digest.empty()) {
            order["digest"] = digest;
        }
        for (std::string_view key : {"windows", "downloadAhead"}) {
            if (const json::Value* wanted = json::find(spec, key)) order[key] = *wanted;
        }
    }
    if (!parts.devices.empty()) {
        order["devices"] = json::Array(parts.devices.begin(), parts.devices.end());
    }
    if (const json::Value* placement = json::find(spec, "placement")) {
        for (std::string_view key : {"jurisdictions", "forbiddenJurisdictions"}) {
            json::Value list = json::items_of(*placement, key);
            if (!list.get_array().empty()) order[key] = std::move(list);
        }
    }
    if (!parts.cascade.is_null()) order["cascade"] = parts.cascade;
    if (json::find(spec, "scale")) order["reportLoad"] = true;
    return order;
}

json::Array policies_for(const json::Array& orders, const Objects& policies) {
    std::set<std::string> names;
    for (const json::Value& order : orders) {
        names.emplace(json::get_string(order, "trustPolicy"));
    }
    json::Array result;
    for (const std::string& name : names) {
        const auto policy = policies.find(name);
        if (policy == policies.end()) continue;
        result.push_back({{"name", name},
                          {"uid", policy->second.uid()},
                          {"generation", policy->second.generation()},
                          {"spec", policy->second.spec()}});
    }
    return result;
}

// The version that machines have of each service, so that one which gets it later runs the same; of
// one that a roll-out moves, the version before.
std::map<std::string, Version> versions_now(const Cluster& cluster, const Present& present) {
    std::map<std::string, Version> versions;
    for (const auto& [seat, order] : present) {
        const auto service = cluster.services.find(seat.service);
        if (service == cluster.services.end() || !still_means(*order, service->second)) continue;
        if (cluster.rolling.contains(seat.service) && is_forward(*order)) continue;
        const bool brought = json::find(*order, "rollout") != nullptr;
        Version& version = versions[seat.service];
        if (!version.digest.empty() && (version.brought || !brought)) continue;
        version = {std::string(json::get_string(*order, "digest")), brought};
    }
    return versions;
}

// The highest epoch that any order or status of each service names.
std::map<std::string, std::int64_t> epochs_now(const Cluster& cluster, const Present& present) {
    std::map<std::string, std::int64_t> epochs;
    for (const auto& [key, service] : cluster.services) {
        epochs[key] = json::get_int(service.status(), "epoch");
    }
    for (const auto& [seat, order] : present) {
        std::int64_t& epoch = epochs[seat.service];
        epoch = std::max(epoch, json::get_int(*order, "epoch"));
    }
    return epochs;
}

}  // namespace

Result<Orders> decide_orders(const Cluster& cluster, const Resolve& resolve) {
    Orders orders;
    const place::Fleet fleet = place::fleet_from(
        {values_of(cluster.sites), values_of(cluster.nodes), values_of(cluster.services)});
    orders.plan = HF_TRY(place::plan(fleet));
    const CascadeOrders cascades(cluster, fleet, orders.plan);
    const Present present = present_orders(cluster.nodes);
    const Resolve resolve_once = asked_once(resolve);
    const std::map<Seat, std::set<int>> seats = seats_of(cluster, orders.plan);
    std::map<std::string, std::int64_t> epochs = epochs_now(cluster, present);
    for (const auto& [seat, devices] : seats) {
        const bool moved = !present.contains(seat) && !orders.epochs.contains(seat.service);
        if (moved) orders.epochs[seat.service] = ++epochs[seat.service];
    }
    std::map<std::string, Version> versions = versions_now(cluster, present);
    std::map<std::string, json::Array> wanted;
    for (const auto& [seat, devices] : seats) {
        const auto before = present.find(seat);
        const bool stays = before != present.end();
        const std::int64_t epoch =
            stays ? json::get_int(*before->second, "epoch") : orders.epochs[seat.service];
        const api::Object& service = cluster.services.at(seat.service);
        const json::Value* last = stays ? before->second : nullptr;
        const OrderParts parts{service,
                               last,
                               devices,
                               epoch,
                               cluster.rolling.contains(seat.service),
                               cascades.order(service, seat.node, last),
                               versions[seat.service]};
        wanted[seat.node].push_back(order_for(parts, resolve_once));
    }
    for (const auto& [name, node] : cluster.nodes) {
        json::Array services = std::move(wanted[name]);
        json::Array policies = policies_for(services, cluster.policies);
        const bool same = json::items_of(node.spec(), "services") == services &&
                          json::items_of(node.spec(), "trustPolicies") == policies;
        if (!same) orders.nodes.push_back({name, std::move(services), std::move(policies)});
    }
    return orders;
}

}  // namespace hf::control
