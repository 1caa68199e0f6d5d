#include "control/reconcile/cascade_orders.h"

#include <fmt/format.h>

namespace hf::control {
namespace {

// Where the machine says that its services answer; null when that is of no use.
json::Value place_of(const Cluster& cluster, const std::string& name) {
    const auto node = cluster.nodes.find(name);
    if (node == cluster.nodes.end()) return nullptr;
    const std::string_view url = json::get_string(node->second.status(), "url");
    if (url.empty()) return nullptr;
    json::Object at{{"node", name}, {"url", url}};
    const auto site =
        cluster.sites.find(std::string(json::get_string(node->second.spec(), "site")));
    if (site != cluster.sites.end()) {
        const std::string_view law = json::get_string(site->second.spec(), "jurisdiction");
        if (!law.empty()) at["jurisdiction"] = law;
    }
    return at;
}

bool is_residency(place::Refusal why) {
    return why == place::Refusal::kJurisdictionForbidden ||
           why == place::Refusal::kJurisdictionNotAllowed ||
           why == place::Refusal::kJurisdictionUnknown || why == place::Refusal::kJurisdictionLeft;
}

}  // namespace

CascadeOrders::CascadeOrders(const Cluster& cluster, const place::Fleet& fleet,
                             const place::Plan& plan)
    : cluster_(cluster) {
    for (const place::Service& service : fleet.services) {
        if (!service.upstream.empty()) asking_.insert(service.name);
    }
    for (const place::CascadeLink& link : place::link_cascades(fleet, plan)) {
        links_.emplace(std::pair(link.from.service, link.from.node), link);
    }
}

json::Value CascadeOrders::order(const api::Object& service, const std::string& node,
                                 const json::Value* before) const {
    const json::Value* terms = json::find(service.spec(), "cascade");
    if (!terms || !terms->is_object()) return nullptr;
    json::Object order = terms->get_object();
    const std::string name = fmt::format("{}/{}", service.ns(), service.name());
    const auto link = links_.find({name, node});
    if (link == links_.end()) {
        const json::Value* kept = before ? json::find(*before, "cascade") : nullptr;
        const bool same =
            kept && asking_.contains(name) &&
            json::get_string(*kept, "upstream") == json::get_string(*terms, "upstream");
        if (same && cluster_.nodes.contains(node)) {
            for (std::string_view key : {"at", "alone"}) {
                if (const json::Value* value = json::find(*kept, key)) order[key] = *value;
            }
            if (order.contains("at") || order.contains("alone")) return order;
        }
        order["alone"] = "no-upstream";
        return order;
    }
    if (link->second.to.node.empty()) {
        order["alone"] = is_residency(link->second.why) ? "residency" : "no-upstream";
        return order;
    }
    json::Value at = place_of(cluster_, link->second.to.node);
    if (at.is_null()) {
        order["alone"] = "no-address";
    } else {
        order["at"] = std::move(at);
    }
    return order;
}

}  // namespace hf::control
