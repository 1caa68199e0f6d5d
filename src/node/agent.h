// The node agent: keeps this machine running the services that its Node object orders. A shell
// around lifecycle.h: orders become wishes, the steps are done, and what became of them is reported
// as the status of the Node and as events.
//
// Static stability: what the agent needs to go on is on its disk (`folder`): the last orders,
// what answered, what was refused, what is yet to be told. It starts from there at once and alone;
// a control plane that is away, slow or older than what was followed changes nothing here.
//
// Threads: "hf-node" owns the lifecycle's state; "hf-node-work" does the steps, one at a time, so
// that a slow compilation never delays news; "hf-node-profile" measures the machine and ends;
// link.h has two more. Destruction stops all after the step under way; what answers keeps
// answering.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/files.h"
#include "node/control_plane.h"
#include "node/report.h"
#include "node/steps.h"

namespace hf::node {

struct AgentOptions {
    std::string name;  // of the Node
    NodeFacts facts;
    std::string folder;  // where it remembers: node.json, and outbox.log; it is there
    Duration report_every = std::chrono::seconds(30);  // also when nothing changed
    Duration heartbeat = std::chrono::milliseconds(500);
    std::uint64_t seed = 1;  // of the pauses between tries

    // Called once, on a thread of its own, for what the machine was measured to do. May be null.
    std::function<Profile()> profile;

    // Called from any of its threads when orders cannot be read or reports not sent, once for each
    // new reason; it is tried again. May be null.
    std::function<void(const Status&)> on_trouble;
};

class Agent {
public:
    struct World {
        Steps::World steps;
        env::Files& files;
        ControlPlane& control_plane;
    };

    virtual ~Agent() = default;

    // REQUIRES: everything in `world` outlives the agent.
    static Result<std::unique_ptr<Agent>> start(World world, AgentOptions options);
};

}  // namespace hf::node
