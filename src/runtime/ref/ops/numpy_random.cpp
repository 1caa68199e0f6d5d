#include "runtime/ref/ops/numpy_random.h"

#include <cmath>

namespace hf::runtime::ref {

NumpyRandom::NumpyRandom(std::uint32_t seed) {
    for (std::uint32_t i = 0; i < kWords; ++i) {
        state_[i] = seed;
        seed = 1812433253u * (seed ^ (seed >> 30)) + i + 1;
    }
}

void NumpyRandom::refill() {
    constexpr std::size_t kShift = 397;
    for (std::size_t i = 0; i < kWords; ++i) {
        const std::uint32_t y =
            (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7FFFFFFFu);
        state_[i] = state_[(i + kShift) % kWords] ^ (y >> 1) ^ (y % 2 == 0 ? 0 : 0x9908B0DFu);
    }
    used_ = 0;
}

std::uint32_t NumpyRandom::next() {
    if (used_ == kWords) refill();
    std::uint32_t y = state_[used_++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9D2C5680u;
    y ^= (y << 15) & 0xEFC60000u;
    return y ^ (y >> 18);
}

double NumpyRandom::uniform() {
    const double high = next() >> 5;
    const double low = next() >> 6;
    return (high * 0x1p26 + low) * 0x1p-53;
}

double NumpyRandom::normal() {
    if (spare_) {
        const double value = *spare_;
        spare_.reset();
        return value;
    }
    // Every pair but one in five lies in the circle: the loop ends.
    for (;;) {
        const double x = 2 * uniform() - 1, y = 2 * uniform() - 1;
        const double square = x * x + y * y;
        if (square >= 1 || square == 0) continue;
        const double factor = std::sqrt(-2 * std::log(square) / square);
        spare_ = factor * x;
        return factor * y;
    }
}

bool NumpyRandom::happens(double probability) {
    // The inversion that NumPy's binomial() makes of one trial.
    if (probability > 0.5) return uniform() <= probability;
    return uniform() > 1 - probability;
}

}  // namespace hf::runtime::ref
