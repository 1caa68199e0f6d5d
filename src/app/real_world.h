// The real world for a command line, and the command line itself: what the programs' main() share.

#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace hf::app {

struct CommandLine {
    std::string program;  // how it was called
    std::vector<std::string> words;
};

CommandLine command_line(int argc, char** argv, const char* fallback_name);

// The exit status.
int run_in_real_world(const CommandLine& line, const std::vector<cli::Command>& commands);

}  // namespace hf::app
