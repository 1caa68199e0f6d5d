// The services that a machine offers over gRPC: inference.GRPCInferenceService (the Open Inference
// Protocol), grpc.health.v1.Health and grpc.reflection.v1.ServerReflection; see
// docs/reference/inference.md. They do what REST does (oip.h), on the same port.
//
// Thread-safety: as of the router.

#pragma once

#include "env/clock.h"
#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve::grpc {

// Adds the services, and has the door speak HTTP/2. REQUIRES: models, extras and the clock outlive
// the server.
void add_grpc(http::Router& router, http::ServerOptions& door, const Services& services,
              const env::Clock& clock);

}  // namespace hf::serve::grpc
