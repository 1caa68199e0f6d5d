// env::Clock and env::Entropy from the operating system. Thread-safety: stateless.

#pragma once

#include "env/clock.h"
#include "env/entropy.h"

namespace hf::posix {

class RealClock final : public env::Clock {
public:
    Instant now() const override;
    Duration monotonic() const override;
    Duration thread_cpu() const override;
};

class RealEntropy final : public env::Entropy {
public:
    void fill(std::span<std::uint8_t> bytes) override;
};

}  // namespace hf::posix
