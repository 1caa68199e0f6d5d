// GET /v2/systemsharedmemory[/region/NAME]/status, POST .../register and .../unregister: the system
// shared memory extension over REST; the same below /v2/cudasharedmemory, where nothing can be
// registered. No page in a browser registers or unregisters: a request with the header Origin is
// 403.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// REQUIRES: what the services name outlives the server that the router goes into.
void add_shared_memory_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
