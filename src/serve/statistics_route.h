// GET /v2/models[/NAME[/versions/V]]/stats: the statistics extension over REST; and which models a
// request for statistics is about, for gRPC too.
//
// Thread-safety: from any thread.

#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// One model where it is named, in all its versions unless one is; else all. NOT_FOUND as
// find_model() says.
Result<std::vector<std::shared_ptr<ModelHost>>> find_models(const Services& services,
                                                            std::string_view name,
                                                            std::string_view version);

// Milliseconds since the epoch.
std::uint64_t last_inference_ms(const Statistics& statistics);

// REQUIRES: what the services name outlives the server that the router goes into.
void add_statistics_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
