// Rng: the one source of pseudo-randomness. Counter-free xoshiro256** seeded through SplitMix64
// (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018). The same seed
// gives the same sequence on every machine; the integer methods use no floating point. Not for
// keys: those come from env::Entropy. A value: copy it to fork a sequence. Not thread-safe.

#pragma once

#include <array>
#include <cstdint>

namespace hf {

class Rng final {
public:
    explicit Rng(std::uint64_t seed);

    std::uint64_t next();

    // Uniform in [0, bound), without modulo bias. REQUIRES: bound > 0.
    std::uint64_t below(std::uint64_t bound);

    // True `numerator` times in `denominator`. REQUIRES: denominator > 0.
    bool chance(std::uint64_t numerator, std::uint64_t denominator) {
        return below(denominator) < numerator;
    }

    // Uniform in [0, 1) with 53 random bits.
    double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

    // Standard normal by the Box-Muller transform.
    double normal();

private:
    std::array<std::uint64_t, 4> state_;
};

}  // namespace hf
