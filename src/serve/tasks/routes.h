// Tasks over HTTP: POST /v1/tasks/{service} with what people have, GET for what it takes. The
// inference between is one like any other (inference.h): counted, accounted for, cascaded, and for
// those only who may ask the model.

#pragma once

#include "http/server.h"
#include "serve/inference.h"

namespace hf::serve::tasks {

// REQUIRES: what the services refer to outlives the server that the router goes into.
void add_task_routes(http::Router& router, const Services& services);

}  // namespace hf::serve::tasks
