// A plan for a mixed fleet drawn from a seed: 5,000 machines of six kinds in 64 sites of 16
// jurisdictions, 400 services with 10,000 replicas that differ in size, residency, latency, spread
// and weights; then the same after 1 % of the machines is lost.

#pragma once

#include <cstdint>

#include "control/place/plan.h"

namespace hf::bench {

struct FleetRun {
    std::int64_t machines = 0;
    std::int64_t replicas = 0;
    std::int64_t missing = 0;
    double gpu_load_percent = 0;  // asked of what is there
    double seconds = 0;           // of processor time, on one thread
    double gap_percent = 0;
    std::uint64_t evaluations = 0;
    // After the loss.
    double again_seconds = 0;
    std::int64_t displaced = 0;         // they ran on lost machines
    std::int64_t moved_needlessly = 0;  // they did not
    std::int64_t missing_again = 0;
};

control::place::Fleet make_fleet(std::uint64_t seed);
Result<FleetRun> run_fleet(std::uint64_t seed);

}  // namespace hf::bench
