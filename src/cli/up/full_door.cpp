#include "cli/up/full_door.h"

#include "cli/activated.h"
#include "serve/ensemble/helpers.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/tasks/routes.h"

namespace hf::cli {
namespace {

void add_routes(http::Router& router, http::ServerOptions& door, const serve::Services& services,
                const env::Clock& clock) {
    serve::add_extension_routes(router, services);
    serve::tasks::add_task_routes(router, services);
    serve::grpc::add_grpc(router, door, services, clock);
}

std::shared_ptr<serve::ensemble::Helpers> make_helpers(serve::Scheduler& scheduler,
                                                       std::size_t places) {
    if (places == 1) return nullptr;
    return std::make_shared<serve::ensemble::Helpers>(scheduler, places - 1);
}

}  // namespace

const DoorExtras& full_door() {
    static constexpr DoorExtras kExtras{add_routes, make_activated_host, members_in, make_helpers};
    return kExtras;
}

}  // namespace hf::cli
