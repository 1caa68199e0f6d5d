// The gateway over gRPC: inference.GRPCInferenceService for services, with ModelInfer,
// ModelStreamInfer, ModelReady, ModelMetadata, ServerLive, ServerReady, ServerMetadata and
// RepositoryIndex; grpc.health.v1.Health/Check, and reflection. Other methods are UNIMPLEMENTED.
//
// The one idea: a call becomes the request of REST that asks the same (grpc/over_rest.h), so that
// it goes to replicas as those do, also to programs that speak no gRPC, and what is known of a
// replica is known once. grpc-timeout is the request's time; a call that is cancelled is let go
// everywhere. Each message of a stream is an inference of its own.
//
// Thread-safety: as of the router.

#pragma once

#include "env/clock.h"
#include "http/server.h"
#include "serve/gateway/gateway.h"

namespace hf::serve::gateway {

// Adds the services, and has the door speak HTTP/2. REQUIRES: the gateway and the clock outlive the
// server.
void add_gateway_grpc(http::Router& router, http::ServerOptions& door, Gateway& gateway,
                      const env::Clock& clock);

}  // namespace hf::serve::gateway
