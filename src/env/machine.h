// What a machine is, as its kernel tells.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hf::env {

struct Machine {
    std::string host_name;
    std::string architecture;  // "x86_64"
    std::string processor;     // its model in the kernel's words; empty where it names none
    std::int64_t cpus = 0;     // that this process may use
    std::int64_t memory_bytes = 0;
    std::vector<std::string> instruction_sets;  // "avx2", "avx512f", ... in the kernel's words
};

}  // namespace hf::env
