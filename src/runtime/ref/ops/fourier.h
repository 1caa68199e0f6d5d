// The discrete Fourier transform of one lane, in double. Internal to runtime/ref.

#pragma once

#include <complex>
#include <cstdint>
#include <vector>

namespace hf::runtime::ref {

// About how many products a transform of this length takes. REQUIRES: n >= 1.
std::uint64_t fourier_products(std::uint64_t n);

// Forward, or inverse with the division by the length. Any length: by its prime factors, each of
// which costs its square.
std::vector<std::complex<double>> fourier(const std::vector<std::complex<double>>& lane,
                                          bool inverse);

}  // namespace hf::runtime::ref
