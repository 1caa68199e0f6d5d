// The power meter of this machine: RAPL, the energy counters of processor packages, as Linux shows
// them (Documentation/power/powercap/powercap.rst): a folder `intel-rapl:N` a package, in it
// `energy_uj`, which only grows until it starts again at 0 after `max_energy_range_uj`. Packages
// count, their parts (`intel-rapl:N:M`) are in them already. Most kernels let root alone read.

#pragma once

#include <memory>
#include <string>

#include "env/power.h"

namespace hf::posix {

inline const std::string kPowerFolder = "/sys/class/powercap";

// NOT_FOUND when there is no meter that this process may read, with the reason.
Result<std::unique_ptr<env::PowerMeter>> open_power_meter(const std::string& folder = kPowerFolder);

}  // namespace hf::posix
