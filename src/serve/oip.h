// The Open Inference Protocol over HTTP (KServe v2 REST): server and model metadata, health, infer,
// its extensions (binary tensor data, model repository, statistics), and /metrics. Errors are
// {"error": text} with the place in the request and what to do; see docs/reference/inference.md.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve {

// All of these. REQUIRES: models outlive the server that the router goes into.
void add_oip_routes(http::Router& router, Models& models, const OipExtras& extras = {});

// They are these two: what every server of models has, statistics among it; and model repository,
// shared memory and trace settings.
void add_basic_routes(http::Router& router, Models& models, const OipExtras& extras = {});
void add_extension_routes(http::Router& router, const Services& services);

}  // namespace hf::serve
