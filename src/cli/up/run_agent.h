// The command `agent`, as both programs have it: holdfast-agent as it is here, holdfast with what
// tells of requests besides (commands/agent.cpp).

#pragma once

#include "cli/command.h"
#include "serve/request_observer.h"

namespace hf::cli {

// `observer`: null, nobody is told of requests; else it outlives the call.
Status run_agent(World& world, const Arguments& arguments, serve::RequestObserver* observer);

Command plain_agent_command();

}  // namespace hf::cli
