// GET and POST /v2/logging: the logging extension over REST. Who may ask needs the right to
// observe; who changes settings, that to load every model besides. No page in a browser changes
// any: a request with the header Origin is 403.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// REQUIRES: what the services name outlives the server that the router goes into.
void add_log_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
