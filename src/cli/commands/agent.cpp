#include "cli/commands.h"
#include "cli/observing.h"
#include "cli/sleep_option.h"
#include "cli/up/full_door.h"
#include "cli/up/run_agent.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const Observing observing = HF_TRY(make_observing(world, arguments, arguments.get("name")));
    AgentExtras extras{&full_door(), observing.observer.get()};
    extras.sleep_after = HF_TRY(sleep_after_of(arguments));
    return run_agent(world, arguments, extras);
}

}  // namespace

Command agent_command() {
    Command command = plain_agent_command();
    command.options.push_back(sleep_option());
    for (Option& option : observing_options()) command.options.push_back(std::move(option));
    command.run = run;
    return command;
}

}  // namespace hf::cli
