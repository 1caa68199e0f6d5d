// The node agent: keeps this machine running the services that are assigned to it. A shell around
// lifecycle.h: it mirrors Services and TrustPolicies, turns them into wishes, has the steps done,
// and publishes what became of them as conditions, events, ModelVersions and its own Node.
//
// Threads: "hf-node" owns the lifecycle's state; "hf-node-work" does the steps, one at a time, so
// that a slow compilation never delays news. start() registers the node before it returns.
// Destruction stops both after the step under way; what answers keeps answering.

#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/steps.h"
#include "resources/resources.h"

namespace hf::node {

struct NodeFacts {
    std::int64_t cpus = 0;
    std::int64_t memory_bytes = 0;
    std::string architecture;
    std::vector<std::string> instruction_sets;
    std::string version;  // of Holdfast
    std::string url;      // where services answer
};

struct AgentOptions {
    std::string name;  // of the Node
    NodeFacts facts;
    Duration heartbeat = std::chrono::seconds(30);

    // Called from "hf-node" when what happened cannot be read or published, once for each new
    // reason; it is tried again. May be null.
    std::function<void(const Status&)> on_trouble;
};

class Agent {
public:
    virtual ~Agent() = default;

    // REQUIRES: everything in `world` outlives the agent.
    static Result<std::unique_ptr<Agent>> start(Steps::World world, AgentOptions options);
};

}  // namespace hf::node
