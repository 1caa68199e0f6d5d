// A rotating machine with two sensors, for trying things out where there is no real one.
//
// A pump in a hall: its load follows the day (a shift from 6 to 22 o'clock, less at night), its
// vibration (RMS velocity, mm/s, as ISO 20816-3 judges machines: below 2.8 is fine, above 7.1 is
// damage) follows the load, and its bearing temperature follows vibration and load slowly, with
// the hall's daily cycle on top. From `fault_at` on a bearing wears: its severity grows
// exponentially from nothing to 1, at `fault_growth` later, and with it come impacts (vibration in
// bursts), friction (heat) and more noise. A model of what sensors show, not of a real bearing.
//
// All randomness is the Rng handed in; the same seed gives the same machine. Thread-safety: one
// owner.

#pragma once

#include "base/rng.h"
#include "base/time.h"

namespace hf::stream {

struct MachineOptions {
    Instant start;
    Duration step = std::chrono::minutes(5);
    Duration fault_at = Duration::max();  // after start; never by default
    Duration fault_growth = std::chrono::hours(24);
};

struct MachineReading {
    Instant time;
    double vibration_mm_s = 0;
    double temperature_c = 0;
    double severity = 0;  // of the fault, 0 to 1: the truth, which no sensor tells
};

class SimulatedMachine final {
public:
    // REQUIRES: step > 0 and fault_growth > 0.
    SimulatedMachine(const MachineOptions& options, Rng rng);

    // The reading at start, then one step on each time.
    MachineReading next();

private:
    double severity_at(Instant time) const;

    MachineOptions options_;
    Rng rng_;
    Instant now_;
    double temperature_c_;
    double drift_ = 0;  // slow and correlated: process, lubrication, weather
};

}  // namespace hf::stream
