// What a command may touch: the file system, clocks, entropy, its output. Built once by
// app/main.cpp; commands get it by reference and so run in tests against a world of the test's
// making.
//
// Thread-safety: owned by the main thread; the interfaces inside say their own.

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "env/clock.h"
#include "env/entropy.h"
#include "env/files.h"
#include "env/machine.h"
#include "env/power.h"
#include "env/shared_memory.h"

namespace hf::cli {

struct World {
    env::Files& files;
    env::Clock& clock;
    env::Entropy& entropy;
    std::function<void(std::string_view)> out;   // standard output: results
    std::function<void(std::string_view)> note;  // standard error: progress, remarks
    std::function<std::optional<std::string>(const std::string&)> environment;

    // Waits until SIGINT or SIGTERM came, or the duration passed. True when a signal came.
    std::function<bool(std::optional<Duration>)> wait_for_signal;

    // What the kernel says of this process, as /proc/self/status does.
    std::function<Result<std::string>()> process_status;

    // All of standard input. RESOURCE_EXHAUSTED when it has more than `bytes_max`.
    std::function<Result<Bytes>(std::uint64_t bytes_max)> in;

    std::function<env::Machine()> describe_machine;

    // How many bytes may still be written where `path` lies.
    std::function<Result<std::uint64_t>(const std::string& path)> free_bytes;

    // NOT_FOUND where there is none.
    std::function<Result<std::unique_ptr<env::PowerMeter>>()> open_power_meter;

    // How many files may be open, after asking for as many as are allowed.
    std::function<std::uint64_t()> raise_open_files;

    env::OpenSharedBlock open_shared_block;

    std::string program;  // how the user called this program: "holdfast", "./build/holdfast"

    bool is_terminal = false;  // standard output is one
};

}  // namespace hf::cli
