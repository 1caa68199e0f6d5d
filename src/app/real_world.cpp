#include "app/real_world.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "posix/clock.h"
#include "posix/disk_space.h"
#include "posix/files.h"
#include "posix/machine.h"
#include "posix/open_files.h"
#include "posix/power.h"
#include "posix/process.h"
#include "posix/shared_memory.h"
#include "posix/signals.h"

namespace hf::app {

CommandLine command_line(int argc, char** argv, const char* fallback_name) {
    CommandLine line{argc > 0 ? argv[0] : fallback_name, {}};
    for (int i = 1; i < argc; ++i) line.words.emplace_back(argv[i]);
    return line;
}

int run_in_real_world(const CommandLine& line, const std::vector<cli::Command>& commands) {
    const posix::StopSignals signals;
    posix::RealFiles files;
    posix::RealClock clock;
    posix::RealEntropy entropy;
    cli::World world{
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
        [&](std::optional<Duration> patience) { return signals.wait(patience); },
        [] { return posix::process_status(); },
        [](std::uint64_t bytes_max) { return posix::read_standard_input(bytes_max); },
        [] { return posix::describe_machine(); },
        [](const std::string& path) { return posix::free_bytes(path); },
        [] { return posix::open_power_meter(); },
        [] { return posix::raise_open_files(); },
        [](const std::string& name) { return posix::open_shared_block(name); },
        line.program,
        ::isatty(STDOUT_FILENO) == 1};
    return cli::run_command_line(world, line.words, commands);
}

}  // namespace hf::app
