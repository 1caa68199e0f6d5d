// Who may read which repository of the server's models: nodes those that they are ordered to run,
// people those whom Roles let `get` the resource "models" in every namespace.
//
// Thread-safe.

#pragma once

#include <string>

#include "control/server/api_server.h"

namespace hf::control {

// `repository` is empty for what is about none: who is known may ask that.
Status may_read_models(ApiServer& api, resources::Resources& resources,
                       const http::Request& request, const std::string& repository);

}  // namespace hf::control
