// Builds the real world and hands it to the command line. Nothing else.

#include <cstdio>
#include <cstdlib>

#include "cli/command.h"
#include "posix/clock.h"
#include "posix/files.h"
#include "posix/process.h"
#include "posix/signals.h"

int main(int argc, char** argv) {
    const hf::posix::StopSignals signals;
    hf::posix::RealFiles files;
    hf::posix::RealClock clock;
    hf::posix::RealEntropy entropy;
    hf::cli::World world{
        files,
        clock,
        entropy,
        [](std::string_view text) {
            std::fwrite(text.data(), 1, text.size(), stdout);
            std::fflush(stdout);
        },
        [](std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); },
        [](const std::string& name) -> std::optional<std::string> {
            const char* value = std::getenv(name.c_str());
            return value ? std::optional<std::string>(value) : std::nullopt;
        },
        [&](std::optional<hf::Duration> patience) { return signals.wait(patience); },
        [] { return hf::posix::process_status(); },
        [](std::uint64_t bytes_max) { return hf::posix::read_standard_input(bytes_max); }};
    return hf::cli::run_command_line(world, {argv + 1, argv + argc}, hf::cli::all_commands());
}
