// The ControlPlane of a node elsewhere: the resource API over HTTPS, as this machine (its client
// certificate). Only its own Node is read and written; beside the API's verbs there are two short
// ones for nodes (control/server/node_routes.h). See control_plane.h.
//
// Of several servers one is asked for everything. When it does not answer, or says that it cannot
// now, the next call goes to the next one, and the watch is broken off to follow it there.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "http/client.h"
#include "node/control_plane.h"
#include "node/servers.h"

namespace hf::node {

struct RemoteOptions {
    Servers* servers = nullptr;  // outlives it; REQUIRES: not null
    std::string node;            // the name
    // Who this machine is at present. Asked before every connection that may need a newer
    // certificate; `serial` differs when it is another one.
    struct Credentials {
        http::ClientOptions options;
        std::string serial;
    };
    std::function<Result<Credentials>()> credentials;

    // Called with what a server says the time is, on the telling thread. May be null.
    std::function<void(Instant)> on_server_time;
    Duration connect_timeout = std::chrono::seconds(2);
    Duration answer_timeout = std::chrono::seconds(5);
};

std::unique_ptr<ControlPlane> make_remote_control_plane(RemoteOptions options);

}  // namespace hf::node
