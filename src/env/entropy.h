// Entropy: unpredictable bytes for keys, tokens and identifiers; never for tests or models (see
// Rng). Thread-safety: implementations may be called from any thread.

#pragma once

#include <cstdint>
#include <span>

namespace hf::env {

class Entropy {
public:
    virtual ~Entropy() = default;

    // Fills the whole span. Cannot fail: a machine without entropy ends the process.
    virtual void fill(std::span<std::uint8_t> bytes) = 0;
};

}  // namespace hf::env
