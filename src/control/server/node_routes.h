// What nodes say beside the verbs of the resource API, each as itself (client certificate):
//
//     POST /v1/node/heartbeat   it is alive      {"nextMilliseconds", "now"}: when to say so again,
//                               and the server's time
//     POST /v1/node/events      {"service", "uid", "warning", "reason", "message"}; 204: an Event
//                               about a service that it is ordered to run
//
// Thread-safe. REQUIRES: everything handed in outlives the HTTP server that the router goes into.

#pragma once

#include <functional>
#include <string>

#include "control/server/api_server.h"

namespace hf::control {

void add_node_routes(http::Router& router, ApiServer& api, resources::Resources& resources,
                     std::function<Duration(const std::string& node)> on_heartbeat);

}  // namespace hf::control
