#include "control/place/cascade.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace hf::control::place {
namespace {

bool lists(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Whether data that lies where `inner` lets it lies only where `outer` does, too.
bool within(const Residency& inner, const Residency& outer) {
    for (const std::string& law : outer.forbidden) {
        const bool kept_out =
            lists(inner.forbidden, law) || (!inner.allowed.empty() && !lists(inner.allowed, law));
        if (!kept_out) return false;
    }
    if (outer.allowed.empty()) return true;
    return !inner.allowed.empty() &&
           std::all_of(inner.allowed.begin(), inner.allowed.end(), [&](const std::string& law) {
               return lists(outer.allowed, law) || lists(inner.forbidden, law);
           });
}

class Linker {
public:
    Linker(const Fleet& fleet, const Plan& plan) {
        std::map<std::string_view, const Site*> sites;
        for (const Service& service : fleet.services) services_.emplace(service.name, &service);
        for (const Site& site : fleet.sites) sites.emplace(site.name, &site);
        for (const Node& node : fleet.nodes) site_of_.emplace(node.name, sites.at(node.site));
        for (const ServicePlan& service : plan.services) plans_.emplace(service.service, &service);
    }

    std::vector<CascadeLink> link(const Service& service) {
        std::map<std::string_view, Answerers> at;  // by site
        for (const Placed& placed : plans_.at(service.upstream)->placed) {
            const Site* site = site_of_.at(placed.replica.node);
            at[site->name].site = site;
            at[site->name].replicas.push_back(&placed.replica);
        }
        std::vector<CascadeLink> links;
        for (const Placed& placed : plans_.at(service.name)->placed) {
            links.push_back(ask(service, placed.replica, at));
        }
        return links;
    }

private:
    struct Answerers {
        const Site* site = nullptr;
        std::vector<const Replica*> replicas;
        std::size_t asked = 0;
    };

    // Whether the upstream may hand the question on to where the asking service's data may not lie.
    bool leaks(const Service& service) const {
        const Service& upstream = *services_.at(service.upstream);
        if (upstream.upstream.empty()) return false;
        return !within(upstream.residency, service.residency) ||
               (service.upstream_in_jurisdiction && !upstream.upstream_in_jurisdiction);
    }

    CascadeLink ask(const Service& service, const Replica& from,
                    std::map<std::string_view, Answerers>& at) {
        const Site& here = *site_of_.at(from.node);
        CascadeLink link{from, {service.upstream, "", {}}, Refusal::kUnwanted};
        Answerers* best = nullptr;
        std::tuple<bool, bool, Duration, std::string_view> least;
        for (auto& [name, answerers] : at) {
            const Site* site = answerers.site;
            Refusal why = judge_residency(service.residency, site->jurisdiction);
            const bool same = site->jurisdiction == here.jurisdiction;
            if (why == Refusal::kNone && service.upstream_in_jurisdiction &&
                (!same || here.jurisdiction.empty())) {
                why = Refusal::kJurisdictionLeft;
            }
            if (why == Refusal::kNone && leaks(service)) why = Refusal::kJurisdictionLeft;
            if (why != Refusal::kNone) {
                if (!best && (link.why == Refusal::kUnwanted || why < link.why)) link.why = why;
                continue;
            }
            const std::tuple rank{site != &here, !same, site->latency, name};
            if (!best || rank < least) std::tie(best, least) = std::tuple(&answerers, rank);
        }
        if (!best) return link;
        link.to = *best->replicas[best->asked++ % best->replicas.size()];
        link.why = Refusal::kNone;
        return link;
    }

    std::map<std::string_view, const Service*> services_;
    std::map<std::string_view, const Site*> site_of_;
    std::map<std::string_view, const ServicePlan*> plans_;
};

}  // namespace

std::vector<CascadeLink> link_cascades(const Fleet& fleet, const Plan& plan) {
    std::map<std::string_view, const Service*> asking;
    for (const Service& service : fleet.services) {
        if (!service.upstream.empty()) asking.emplace(service.name, &service);
    }
    Linker linker(fleet, plan);
    std::vector<CascadeLink> links;
    for (const auto& [name, service] : asking) {
        for (CascadeLink& link : linker.link(*service)) links.push_back(std::move(link));
    }
    return links;
}

}  // namespace hf::control::place
