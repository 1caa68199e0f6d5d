// NodeHost: what answers predictions in `holdfast up` and `holdfast agent`, over one data folder:
// inference server, receipts, node agent.
//
//     receipts/   the log of predictions (serve/receipts.h)
//     node.json   what the agent remembers (node/desired.h)
//     outbox.log  what it is yet to tell (node/outbox.h)
//     profile.json what the machine was measured to do (node/profile.h)
//     updates/    what update repositories vouched for (node/update_gate.h)
//
// Owned by one thread. Destruction stops everything; drain() first lets requests end.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/up/serving_host.h"
#include "cli/world.h"
#include "http/server.h"
#include "node/control_plane.h"
#include "node/model_source.h"
#include "node/steps.h"
#include "node/time_floor.h"
#include "node/update_gate.h"
#include "serve/gateway/client_pool.h"
#include "serve/inference.h"
#include "serve/request_observer.h"
#include "vault/vault.h"

namespace hf::cli {

// What the inference door has beside tensors over REST: gRPC, tasks, what lies beside models, and
// ensembles. A program that does not name it (full_door.h) is without, and without HTTP/2.
struct DoorExtras {
    void (*add_routes)(http::Router& router, http::ServerOptions& door,
                       const serve::Services& services, const env::Clock& clock);
    MakeHost make_host;
    node::MembersOf members_of;

    // Threads beside those of the requests, for ensembles; null where no two inferences run at a
    // time. REQUIRES: the scheduler outlives them.
    std::shared_ptr<serve::ensemble::Helpers> (*make_helpers)(serve::Scheduler& scheduler,
                                                              std::size_t places);
};

struct NodeOptions {
    std::string data;  // the folder; it is there
    std::string name;  // of the Node
    http::ServerOptions inference;
    std::string advertise;     // the URL under which others reach it; empty: where it listens
    std::string jurisdiction;  // whose law holds here; empty: unknown
    bool measure = false;      // the machine's profile anew, whatever is kept
    std::vector<node::UpdatePin> updates;  // must vouch for every version, whatever a policy says

    // Used when the inference door is not on loopback: others then come by TLS and with a
    // certificate of the same authority.
    std::optional<http::Tls> tls;

    // Of a client that asks another machine about what a model here is unsure of: its certificates.
    // Null: none are shown.
    serve::gateway::ClientOptionsOf asks_as;

    const DoorExtras* door_extras = nullptr;  // null: tensors over REST alone

    serve::RequestObserver* observer = nullptr;  // of the inference door; null: none

    // The memory of a model goes that nobody has asked for so long; the next request wakes it.
    // Nullopt: it stays. Needs door_extras.
    std::optional<Duration> sleep_after = {};
};

struct NodeParts {
    vault::Vault& vault;
    node::ControlPlane& control_plane;
    node::ModelSource* source = nullptr;          // null: the vault is all there is
    const node::TimeFloor* time_floor = nullptr;  // null: the clock is believed
};

class NodeHost {
public:
    virtual ~NodeHost() = default;

    // REQUIRES: world and all parts outlive it.
    static Result<std::unique_ptr<NodeHost>> start(World& world, NodeParts parts,
                                                   NodeOptions options);

    virtual std::string inference_url() const = 0;  // "http://127.0.0.1:8080"

    // A newer certificate for the inference door; no effect where it has no TLS.
    virtual Status renew_tls(const http::Tls& tls) = 0;

    // Withdraws readiness and ends connections once they are answered. True when none had to be
    // cut.
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::cli
