// What the gateway is told of the world: for each service, where its replicas are and where its
// data may lie. Values; whoever reads the resources makes them and hands them in as a whole.
//
// Pure. Errors: INVALID_ARGUMENT names the replica, what is wrong with it and what would be right.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "serve/comparison.h"

namespace hf::serve::gateway {

// Bounds of a table; what is beyond them is left out and named.
inline constexpr std::size_t kRoutesMax = 4096;
inline constexpr std::size_t kReplicasMax = 1024;  // of one service
inline constexpr std::size_t kNameBytesMax = 253;  // of a service, a node, a site, a jurisdiction

struct Replica {
    std::string url;           // "https://10.0.0.7:8443", nothing after the port
    std::string node;          // the machine, for people and for X-Holdfast-Node
    std::string site;          // empty: unknown, so no caller's own
    std::string jurisdiction;  // empty: unknown, and refused where residency is asked for
    std::uint64_t epoch = 0;   // of the assignment to this node; a higher one replaces lower ones
    bool ready = false;
    std::string digest = {};  // of the version that answers there; empty: unknown

    friend bool operator==(const Replica&, const Replica&) = default;
};

struct Residency {
    std::vector<std::string> allowed;    // jurisdictions; empty: any
    std::vector<std::string> forbidden;  // jurisdictions

    friend bool operator==(const Residency&, const Residency&) = default;
};

// A share of what the version `from` answered is held against what `to` would have answered, by
// machines that have it (shadows.h).
struct Shadow {
    std::string from;
    std::string to;
    std::int64_t percent = 100;  // of the requests
    AgreementRule rule;

    friend bool operator==(const Shadow&, const Shadow&) = default;
};

struct Route {
    std::string service;
    std::vector<Replica> replicas;
    Residency residency;
    std::optional<Shadow> shadow = {};
};

// Why a request with its data must not go there; empty when it may.
std::string why_forbidden(const Residency& residency, const std::string& jurisdiction);

// What is left of a table when unusable services and replicas, replicas of an older epoch of their
// node and doubles of a URL are gone. A replica is unusable when its URL has a path or is plain
// http:// to another machine (requests carry data), or a name cannot stand in a header. `problems`
// is OK, or INVALID_ARGUMENT and names the first of what was unusable.
std::vector<Route> usable_part(std::vector<Route> routes, Status& problems);

}  // namespace hf::serve::gateway
