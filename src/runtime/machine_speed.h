// How fast this machine computes, measured with the very kernels that models run on: products of
// matrices in fp32 and int8, and a copy through memory, on one thread. Each is the best of as many
// tries as a fixed time allows, so that what runs beside it lowers the numbers little.
//
// Takes about three times `for_each` on the calling thread and some tens of MiB of memory. Cannot
// fail. Thread-safe.

#pragma once

#include <cstdint>

#include "env/clock.h"

namespace hf::runtime {

// In millions a second, on one thread.
struct MachineSpeed {
    std::int64_t f32_megaops = 0;     // fp32: a multiplication and an addition are two operations
    std::int64_t i8_megaops = 0;      // int8, counted the same
    std::int64_t copy_megabytes = 0;  // bytes read and bytes written
    friend bool operator==(const MachineSpeed&, const MachineSpeed&) = default;
};

struct SpeedOptions {
    Duration for_each = std::chrono::milliseconds(200);
    std::size_t copy_bytes = 32u << 20;  // more than the caches of a small machine hold
};

MachineSpeed measure_speed(const env::Clock& clock, const SpeedOptions& options = {});

}  // namespace hf::runtime
