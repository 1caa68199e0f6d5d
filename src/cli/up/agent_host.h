// AgentHost: a machine as `holdfast agent` runs it: its identity, which it renews in time, its
// vault, filled from its server's registry, and the node itself (node_host.h), over one data
// folder.
//
//     identity/   who it is (node/identity.h)
//     time-floor  a moment that has passed, whatever the clock says (node/time_floor.h)
//
// The server is needed once, to join. From then on everything starts without it.
//
// Thread "hf-identity" renews. Owned by one thread. Destruction stops everything.

#pragma once

#include <memory>
#include <string>

#include "cli/up/node_host.h"
#include "http/paced_client.h"

namespace hf::cli {

struct AgentHostOptions {
    std::string data;  // the folder; made when missing
    http::ServerOptions inference;
    std::string advertise;            // see NodeOptions
    std::string jurisdiction;         // see NodeOptions
    std::string server, token, name;  // for the first start; `server` may be several (servers.h)
    bool new_key = false;             // join although it has joined before
    bool measure = false;             // see NodeOptions
    std::vector<node::UpdatePin> updates;        // see NodeOptions
    http::PaceOptions pace;                      // of what is pulled
    const DoorExtras* door_extras = nullptr;     // see NodeOptions
    serve::RequestObserver* observer = nullptr;  // see NodeOptions
    std::optional<Duration> sleep_after = {};    // see NodeOptions
};

class AgentHost {
public:
    virtual ~AgentHost() = default;

    // NOT_FOUND, with the remedy, when this machine has not joined and is not told how.
    static Result<std::unique_ptr<AgentHost>> start(World& world, AgentHostOptions options);

    virtual std::string node() const = 0;
    virtual std::string server() const = 0;
    virtual std::string inference_url() const = 0;
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::cli
