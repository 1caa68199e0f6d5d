// LogSettings, the method of the logging extension, for routes.h. It does what REST does
// (log_routes.h); a request without settings asks for them and changes none.

#pragma once

#include "serve/grpc/call.h"
#include "serve/inference.h"

namespace hf::serve::grpc {

Result<Reply> log_settings(const Services& services, const Call& call);

}  // namespace hf::serve::grpc
