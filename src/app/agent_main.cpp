// holdfast-agent: what a device needs, without the control plane and the tools. Its options are
// those of `holdfast agent`, with or without that word, but for what tells of requests (--traces,
// --access-log).

#include "app/real_world.h"
#include "cli/commands.h"
#include "cli/up/run_agent.h"

int main(int argc, char** argv) {
    hf::app::CommandLine line = hf::app::command_line(argc, argv, "holdfast-agent");
    const bool named = !line.words.empty() && !line.words.front().starts_with("-");
    const bool asks =
        line.words.size() == 1 && (line.words.front() == "--help" || line.words.front() == "-h");
    if (!named && !asks) line.words.insert(line.words.begin(), "agent");
    return hf::app::run_in_real_world(line,
                                      {hf::cli::plain_agent_command(), hf::cli::version_command()});
}
