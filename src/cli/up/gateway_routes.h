// The gateway's table of routes (serve/gateway/route.h), from Services, Nodes and Sites: each
// machine that reports a version for its present order is a replica. Where a Rollout under way asks
// for agreement, what its previous version answers is compared. Pure.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/object.h"
#include "serve/gateway/route.h"

namespace hf::cli {

using Objects = std::map<std::string, api::Object>;  // by "namespace/name", or "name"

struct RouteParts {
    const Objects& services;
    const Objects& nodes;
    const Objects& sites;
    const Objects& rollouts;
};
std::vector<serve::gateway::Route> gateway_routes(const RouteParts& parts);

}  // namespace hf::cli
