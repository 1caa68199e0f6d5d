// What people have instead of tensors, for services: POST and GET /v1/tasks/{service}, and POST
// /v1/embeddings, whose body names the service. They go to replicas as inferences do (gateway.h),
// and what they mean is a replica's to know; only versions are not compared by them.
//
// Internal to the gateway: add_gateway_routes() adds them.

#pragma once

#include "http/server.h"
#include "serve/gateway/gateway.h"

namespace hf::serve::gateway {

// REQUIRES: the gateway outlives the server that the router goes into.
void add_task_routes(http::Router& router, Gateway& gateway);

}  // namespace hf::serve::gateway
