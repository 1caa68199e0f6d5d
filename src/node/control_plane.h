// ControlPlane: what a node needs of those who tell it what to run: its own Node object, and a
// place for what it has to say. On one machine that is the store itself (local_control_plane.h).
//
// Thread-safety: follow() from one thread, stop() from any, all else from one other thread. All may
// block for as long as the network lets them; nothing that answers predictions calls them.

#pragma once

#include <functional>
#include <string>

#include "api/object.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::node {

// Something worth telling people about a service of this node.
struct ServiceEvent {
    std::string service;  // "namespace/name"
    std::string uid;      // the service's
    bool warning = false;
    std::string reason;  // "Pulled"
    std::string message;
    friend bool operator==(const ServiceEvent&, const ServiceEvent&) = default;
};

class ControlPlane {
public:
    virtual ~ControlPlane() = default;

    // This machine's Node, made when it is not there.
    virtual Result<api::Object> enlist() = 0;

    // Hands over the Node as it is, and then whenever it has changed. Ends with what `on_node`
    // refuses, with NOT_FOUND when the Node is gone, with CANCELLED after stop(), or with what went
    // wrong on the way: the caller follows again.
    using OnNode = std::function<Status(const api::Object& node)>;
    virtual Status follow(const OnNode& on_node) = 0;
    virtual void stop() = 0;

    // Makes `status` the Node's, but for the conditions, which others write.
    virtual Status publish(const json::Object& status) = 0;

    virtual Status tell(const ServiceEvent& event) = 0;

    // The node is alive. Cheap; as often as heartbeat_every() says.
    virtual Status heartbeat() = 0;

    // As the control plane last asked for; zero: it does not mind.
    virtual Duration heartbeat_every() const { return Duration::zero(); }
};

}  // namespace hf::node
