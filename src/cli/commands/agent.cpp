#include "cli/commands.h"
#include "cli/observing.h"
#include "cli/up/full_door.h"
#include "cli/up/run_agent.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const Observing observing = HF_TRY(make_observing(world, arguments, arguments.get("name")));
    return run_agent(world, arguments, {&full_door(), observing.observer.get()});
}

}  // namespace

Command agent_command() {
    Command command = plain_agent_command();
    for (Option& option : observing_options()) command.options.push_back(std::move(option));
    command.run = run;
    return command;
}

}  // namespace hf::cli
