// The gateway's table of routes (serve/gateway/route.h), from Services, Nodes and Sites: each
// machine that reports a version for its present order is a replica. Pure.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "api/object.h"
#include "serve/gateway/route.h"

namespace hf::cli {

using Objects = std::map<std::string, api::Object>;  // by "namespace/name", or "name"

std::vector<serve::gateway::Route> gateway_routes(const Objects& services, const Objects& nodes,
                                                  const Objects& sites);

}  // namespace hf::cli
