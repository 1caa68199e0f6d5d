// The routes of extensions that a program on a device does without: apart, so that it does not hold
// them.

#include "serve/log_routes.h"
#include "serve/oip.h"
#include "serve/repository_routes.h"
#include "serve/shared_memory/routes.h"
#include "serve/trace_routes.h"

namespace hf::serve {

void add_extension_routes(http::Router& router, const Services& services) {
    add_repository_routes(router, services);
    add_shared_memory_routes(router, services);
    add_trace_routes(router, services);
    add_log_routes(router, services);
}

void add_oip_routes(http::Router& router, Models& models, const OipExtras& extras) {
    add_basic_routes(router, models, extras);
    add_extension_routes(router, {models, extras});
}

}  // namespace hf::serve
