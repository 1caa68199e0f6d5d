// PowerMeter: how much energy this machine has used, where it can measure that. There is none on
// most machines, and then there is no number either: nothing here is guessed.
//
// Thread-safety: one thread.

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"

namespace hf::env {

class PowerMeter {
public:
    virtual ~PowerMeter() = default;

    virtual std::string name() const = 0;  // "rapl"

    // Microjoules since the meter was opened, of all that it measures.
    virtual Result<std::uint64_t> used_microjoules() = 0;
};

}  // namespace hf::env
