// The command `agent`, as both programs have it: holdfast-agent as it is here, holdfast with what
// tells of requests besides (commands/agent.cpp).

#pragma once

#include <optional>

#include "cli/command.h"
#include "cli/up/node_host.h"

namespace hf::cli {

// What one of the two programs has and the other has not; as NodeOptions says it.
struct AgentExtras {
    const DoorExtras* door_extras = nullptr;
    serve::RequestObserver* observer = nullptr;
    std::optional<Duration> sleep_after = {};
};
Status run_agent(World& world, const Arguments& arguments, const AgentExtras& extras);

Command plain_agent_command();

}  // namespace hf::cli
