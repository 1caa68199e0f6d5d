// The random numbers of NumPy's RandomState, which the cases of the ONNX standard were made with:
// the Mersenne Twister (Matsumoto and Nishimura, 1998) and the polar method (Marsaglia, 1964).
// Operators that draw use it, so that a seed gives the same draws everywhere. Internal to
// runtime/ref.

#pragma once

#include <array>
#include <cstdint>
#include <optional>

namespace hf::runtime::ref {

class NumpyRandom final {
public:
    explicit NumpyRandom(std::uint32_t seed);

    double uniform();  // in [0, 1), of 53 bits
    double normal();   // of mean 0 and deviation 1

    // Whether an event of this probability happens. Takes one uniform number.
    bool happens(double probability);

private:
    std::uint32_t next();
    void refill();

    static constexpr std::size_t kWords = 624;
    std::array<std::uint32_t, kWords> state_;
    std::size_t used_ = kWords;
    std::optional<double> spare_;
};

}  // namespace hf::runtime::ref
