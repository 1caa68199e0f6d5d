#include "posix/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

namespace hf::posix {
namespace {

// Of all that /proc/cpuinfo lists, what decides which kernels can run.
constexpr std::array kTelling{"sse4_2",      "avx",      "avx2",     "fma",      "avx_vnni",
                              "avx512f",     "avx512bw", "amx_bf16", "amx_int8", "avx512_vnni",
                              "avx512_bf16", "asimd",    "asimddp",  "sve",      "sve2",
                              "i8mm",        "bf16"};

struct Processor {
    std::string model;
    std::vector<std::string> instruction_sets;
};

std::string value_of(const std::string& line) {
    const std::size_t colon = line.find(':');
    const std::size_t start =
        colon == line.npos ? line.npos : line.find_first_not_of(" \t", colon + 1);
    return start == line.npos ? std::string() : line.substr(start);
}

// The first that is described; arm64 has numbers in place of a model's name.
Processor describe_processor() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    std::set<std::string> has;
    Processor processor;
    std::string implementer, part;
    for (std::string line; std::getline(cpuinfo, line) && !line.empty();) {
        if (line.starts_with("model name")) processor.model = value_of(line);
        if (line.starts_with("CPU implementer")) implementer = value_of(line);
        if (line.starts_with("CPU part")) part = value_of(line);
        if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
        std::istringstream words(value_of(line));
        for (std::string word; words >> word;) has.insert(word);
    }
    for (const char* name : kTelling) {
        if (has.contains(name)) processor.instruction_sets.emplace_back(name);
    }
    if (processor.model.empty() && !part.empty()) {
        processor.model = fmt::format("implementer {} part {}", implementer, part);
    }
    return processor;
}

}  // namespace

env::Machine describe_machine() {
    env::Machine machine;
    utsname names{};
    if (uname(&names) == 0) {
        machine.host_name = names.nodename;
        machine.architecture = names.machine;
    }
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    machine.cpus = sched_getaffinity(0, sizeof allowed, &allowed) == 0
                       ? CPU_COUNT(&allowed)
                       : sysconf(_SC_NPROCESSORS_ONLN);
    machine.memory_bytes = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
    Processor processor = describe_processor();
    machine.processor = std::move(processor.model);
    machine.instruction_sets = std::move(processor.instruction_sets);
    return machine;
}

}  // namespace hf::posix
