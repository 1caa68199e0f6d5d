// GET and POST /v2[/models/NAME]/trace/setting: the trace extension over REST. Who may ask needs
// the right to observe; who changes settings, that to load the model besides, or every model. No
// page in a browser changes any: a request with the header Origin is 403.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// REQUIRES: what the services name outlives the server that the router goes into.
void add_trace_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
