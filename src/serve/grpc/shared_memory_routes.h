// The methods of the shared memory extensions, for routes.h. They do what REST does
// (shared_memory/routes.h).

#pragma once

#include "serve/grpc/call.h"
#include "serve/inference.h"

namespace hf::serve::grpc {

// REQUIRES: as add_grpc().
void add_shared_memory_methods(http::Router& router, const Services& services,
                               const CallOptions& options);

}  // namespace hf::serve::grpc
