#include "cli/up/gateway_routes.h"

#include <algorithm>

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "cli/up/serving_host.h"
#include "control/rollout/state.h"

namespace hf::cli {
namespace {

using serve::gateway::Replica;
using serve::gateway::Route;
using serve::gateway::Shadow;

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
    for (const json::Value& order : json::items_of(node.spec(), "services")) {
        ordered[service_of(order)] = json::get_int(order, "epoch");
    }
    const std::string site(json::get_string(node.spec(), "site"));
    const auto place = sites.find(site);
    for (const json::Value& report : json::items_of(node.status(), "services")) {
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
        replica.digest = json::get_string(report, "digest");
        route->second.replicas.push_back(std::move(replica));
    }
}

// By what the roll-out follows, not by what its spec asks for now.
void add_shadow(const api::Object& rollout, std::map<std::string, Route>& routes) {
    using control::rollout::Phase;
    const Result<control::rollout::State> state = control::rollout::state_from(rollout.status());
    if (!state.ok() || !state->in_force || !state->in_force->gates.agreement) return;
    if (state->phase == Phase::kPending || state->over()) return;
    const control::rollout::RolloutSpec& spec = *state->in_force;
    const auto route = routes.find(fmt::format("{}/{}", rollout.ns(), spec.service));
    if (route == routes.end() || spec.from.empty()) return;
    Shadow shadow{spec.from, spec.digest, spec.gates.agreement->sample_percent, {}};
    shadow.rule.tolerance = static_cast<double>(spec.gates.agreement->tolerance_micros) * 1e-6;
    shadow.rule.class_scores = spec.gates.agreement->class_scores;
    route->second.shadow = std::move(shadow);
}

}  // namespace

std::vector<Route> gateway_routes(const RouteParts& parts) {
    std::map<std::string, Route> routes;
    for (const auto& [key, service] : parts.services) {
        Route& route = routes[key];
        route.service = ServingHost::served_name(key);
        if (const json::Value* placement = json::find(service.spec(), "placement")) {
            route.residency.allowed = json::strings_of(*placement, "jurisdictions");
            route.residency.forbidden = json::strings_of(*placement, "forbiddenJurisdictions");
        }
    }
    for (const auto& [name, node] : parts.nodes) add_replicas(node, parts.sites, routes);
    for (const auto& [key, rollout] : parts.rollouts) add_shadow(rollout, routes);
    std::vector<Route> table;
    for (auto& [key, route] : routes) table.push_back(std::move(route));
    return table;
}

}  // namespace hf::cli
