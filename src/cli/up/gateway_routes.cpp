#include "cli/up/gateway_routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/conditions.h"
#include "cli/up/serving_host.h"

namespace hf::cli {
namespace {

using serve::gateway::Replica;
using serve::gateway::Route;

std::vector<std::string> texts(const json::Value& value, std::string_view key) {
    std::vector<std::string> found;
    const json::Array* items = json::find_array(value, key);
    for (const json::Value& item : items ? *items : json::Array()) {
        if (item.is_string()) found.emplace_back(json::as_view(item.get_string()));
    }
    return found;
}

const json::Array& services_in(const json::Value& part) {
    static const json::Array kNone;
    const json::Array* found = json::find_array(part, "services");
    return found ? *found : kNone;
}

std::string service_of(const json::Value& entry) {
    return fmt::format("{}/{}", json::get_string(entry, "namespace"),
                       json::get_string(entry, "name"));
}

// "http://10.0.0.7:8080" of "http://10.0.0.7:8080/v2/models/pump".
std::string origin_of(std::string_view url) {
    const std::size_t scheme = url.find("://");
    if (scheme == std::string_view::npos) return {};
    return std::string(url.substr(0, url.find('/', scheme + 3)));
}

bool is_ready(const json::Value& report) {
    api::Object holder;
    holder.fields()["status"] = report;
    return api::is_true(holder, "Ready");
}

void add_replicas(const api::Object& node, const Objects& sites,
                  std::map<std::string, Route>& routes) {
    std::map<std::string, std::int64_t> ordered;
    for (const json::Value& order : services_in(node.spec())) {
        ordered[service_of(order)] = json::get_int(order, "epoch");
    }
    const std::string site(json::get_string(node.spec(), "site"));
    const auto place = sites.find(site);
    for (const json::Value& report : services_in(node.status())) {
        const auto route = routes.find(service_of(report));
        const auto order = ordered.find(service_of(report));
        const std::int64_t epoch = json::get_int(report, "epoch");
        // What is not ordered any more, or not yet reported, is no replica.
        if (route == routes.end() || order == ordered.end() || epoch < order->second) continue;
        Replica replica;
        replica.url = origin_of(json::get_string(report, "url"));
        if (replica.url.empty()) continue;
        replica.node = node.name();
        replica.site = site;
        if (place != sites.end()) {
            replica.jurisdiction = json::get_string(place->second.spec(), "jurisdiction");
        }
        replica.epoch = static_cast<std::uint64_t>(std::max<std::int64_t>(0, epoch));
        replica.ready = api::is_true(node, "Ready") && is_ready(report);
        route->second.replicas.push_back(std::move(replica));
    }
}

}  // namespace

std::vector<Route> gateway_routes(const Objects& services, const Objects& nodes,
                                  const Objects& sites) {
    std::map<std::string, Route> routes;
    for (const auto& [key, service] : services) {
        Route& route = routes[key];
        route.service = ServingHost::served_name(key);
        if (const json::Value* placement = json::find(service.spec(), "placement")) {
            route.residency.allowed = texts(*placement, "jurisdictions");
            route.residency.forbidden = texts(*placement, "forbiddenJurisdictions");
        }
    }
    for (const auto& [name, node] : nodes) add_replicas(node, sites, routes);
    std::vector<Route> table;
    for (auto& [key, route] : routes) table.push_back(std::move(route));
    return table;
}

}  // namespace hf::cli
