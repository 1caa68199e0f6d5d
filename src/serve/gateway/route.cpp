#include "serve/gateway/route.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/text.h"
#include "http/url.h"

namespace hf::serve::gateway {
namespace {

constexpr std::size_t kProblemsShown = 10;  // in an error

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

// Names go into headers and messages.
Status check_name(std::string_view what, const std::string& name) {
    if (name.size() > kNameBytesMax) {
        return invalid_argument("{} has {} bytes; {} at most", what, name.size(), kNameBytesMax);
    }
    const bool printable = std::all_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f;
    });
    if (!printable || !is_utf8(name)) {
        return invalid_argument("{} must be UTF-8 without control characters", what);
    }
    return {};
}

bool is_loopback(const std::string& host) {
    return host == "127.0.0.1" || host == "::1" || host == "localhost";
}

Status check_service_name(const std::string& service) {
    HF_TRY(check_name("a service's name", service));
    if (service.empty() || service == "." || service == ".." ||
        service.find('/') != std::string::npos) {
        return invalid_argument("'{}' cannot name a service: it must fit into one part of a path",
                                service);
    }
    return {};
}

Status check_replica(const Replica& replica) {
    const http::Url url = HF_TRY(http::parse_url(replica.url));
    if (url.target != "/") {
        return invalid_argument("'{}' has a path; give scheme, host and port only", replica.url);
    }
    if (!url.tls && !is_loopback(url.host)) {
        return invalid_argument("'{}' is neither https nor on loopback; requests carry data",
                                replica.url);
    }
    HF_TRY(check_name("its node's name", replica.node));
    HF_TRY(check_name("its site's name", replica.site));
    return check_name("its jurisdiction", replica.jurisdiction);
}

Route usable_route(Route route, std::vector<std::string>& problems) {
    std::vector<Replica> sound;
    for (Replica& replica : route.replicas) {
        Status status = check_replica(replica);
        if (status.ok() && sound.size() == kReplicasMax) {
            status = resource_exhausted("more than {} replicas", kReplicasMax);
        }
        if (!status.ok()) {
            problems.push_back(fmt::format("service '{}': replica on node '{}': {}", route.service,
                                           replica.node, status.message()));
            continue;
        }
        replica.url = http::parse_url(replica.url)->origin();
        sound.push_back(std::move(replica));
    }
    std::map<std::string, std::uint64_t> newest;
    for (const Replica& replica : sound) {
        std::uint64_t& epoch = newest[replica.node];
        epoch = std::max(epoch, replica.epoch);
    }
    std::stable_sort(sound.begin(), sound.end(),
                     [](const Replica& a, const Replica& b) { return a.epoch > b.epoch; });
    std::set<std::string> seen;
    route.replicas.clear();
    for (Replica& replica : sound) {
        if (replica.epoch < newest[replica.node] || !seen.insert(replica.url).second) continue;
        route.replicas.push_back(std::move(replica));
    }
    return route;
}

Status problem_of(const std::vector<std::string>& problems) {
    if (problems.empty()) return {};
    const std::size_t shown = std::min(problems.size(), kProblemsShown);
    const auto end = problems.begin() + static_cast<std::ptrdiff_t>(shown);
    const std::vector<std::string> first(problems.begin(), end);
    const std::string more =
        shown == problems.size() ? "" : fmt::format("; and {} more", problems.size() - shown);
    return invalid_argument("left out of the routes: {}{}", join(first, "; "), more);
}

}  // namespace

std::string why_forbidden(const Residency& residency, const std::string& jurisdiction) {
    if (residency.allowed.empty() && residency.forbidden.empty()) return {};
    if (jurisdiction.empty()) return "its jurisdiction is unknown";
    if (contains(residency.forbidden, jurisdiction)) {
        return fmt::format("jurisdiction '{}' is forbidden", jurisdiction);
    }
    if (residency.allowed.empty() || contains(residency.allowed, jurisdiction)) return {};
    return fmt::format("jurisdiction '{}' is not among those allowed ({})", jurisdiction,
                       join(residency.allowed, ", "));
}

std::vector<Route> usable_part(std::vector<Route> routes, Status& problems) {
    std::vector<Route> usable;
    std::vector<std::string> found;
    std::set<std::string> names;
    for (Route& route : routes) {
        Status status = check_service_name(route.service);
        if (status.ok() && usable.size() == kRoutesMax) {
            status = resource_exhausted("'{}': more than {} services", route.service, kRoutesMax);
        }
        if (status.ok() && !names.insert(route.service).second) {
            status = invalid_argument("service '{}' is in the table twice", route.service);
        }
        if (status.ok()) {
            usable.push_back(usable_route(std::move(route), found));
        } else {
            found.emplace_back(status.message());
        }
    }
    problems = problem_of(found);
    return usable;
}

}  // namespace hf::serve::gateway
