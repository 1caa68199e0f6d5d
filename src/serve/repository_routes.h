// POST /v2/repository/index and POST /v2/repository/models/{model}/load and unload: the model
// repository extension over REST.
//
// Who may infer may load where a server has no callers to tell apart (access.h), which is on
// loopback or where anyone was let in; but no page in a browser may, whoever opened it: a request
// with the header Origin is 403.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// REQUIRES: what the services name outlives the server that the router goes into.
void add_repository_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
