#include "posix/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <set>
#include <sstream>

namespace hf::posix {
namespace {

// Of all that /proc/cpuinfo lists, what decides which kernels can run.
constexpr std::array kTelling{"sse4_2",      "avx",      "avx2",     "fma",      "avx_vnni",
                              "avx512f",     "avx512bw", "amx_bf16", "amx_int8", "avx512_vnni",
                              "avx512_bf16", "asimd",    "asimddp",  "sve",      "sve2",
                              "i8mm",        "bf16"};

std::vector<std::string> instruction_sets() {
    std::ifstream cpuinfo("/proc/cpuinfo");
    std::set<std::string> has;
    for (std::string line; std::getline(cpuinfo, line);) {
        if (!line.starts_with("flags") && !line.starts_with("Features")) continue;
        std::istringstream words(line.substr(line.find(':') + 1));
        for (std::string word; words >> word;) has.insert(word);
        break;
    }
    std::vector<std::string> found;
    for (const char* name : kTelling) {
        if (has.contains(name)) found.emplace_back(name);
    }
    return found;
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
    machine.instruction_sets = instruction_sets();
    return machine;
}

}  // namespace hf::posix
