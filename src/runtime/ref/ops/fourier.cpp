#include "runtime/ref/ops/fourier.h"

#include <cmath>
#include <numbers>

namespace hf::runtime::ref {
namespace {

using Complex = std::complex<double>;

std::size_t smallest_factor(std::size_t n) {
    for (std::size_t factor = 2; factor * factor <= n; ++factor) {
        if (n % factor == 0) return factor;
    }
    return n;
}

// Products without the checks for infinities that std::complex makes.
Complex times(const Complex& a, const Complex& b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

// Cooley and Tukey (1965): the lane at a step, by the transforms of its interleaved parts.
// `roots` are the roots of unity of the whole length, roots.size() == n * step.
std::vector<Complex> transform(const Complex* lane, std::size_t n, std::size_t step,
                               const std::vector<Complex>& roots) {
    if (n <= 1) return {lane, lane + n};
    const std::size_t factor = smallest_factor(n), part = n / factor;
    std::vector<std::vector<Complex>> parts;
    for (std::size_t i = 0; i < factor; ++i) {
        std::vector<Complex> picked(part);
        for (std::size_t j = 0; j < part; ++j) picked[j] = lane[j * factor + i];
        parts.push_back(transform(picked.data(), part, step * factor, roots));
    }
    std::vector<Complex> out(n);
    for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t i = 0; i < factor; ++i) {
            out[k] += times(parts[i][k % part], roots[i * k % n * step]);
        }
    }
    return out;
}

}  // namespace

std::uint64_t fourier_products(std::uint64_t n) {
    std::uint64_t factors = 0;
    for (std::uint64_t rest = n; rest > 1;) {
        const std::uint64_t factor = smallest_factor(rest);
        factors += factor;
        rest /= factor;
    }
    return n * factors;
}

std::vector<Complex> fourier(const std::vector<Complex>& lane, bool inverse) {
    const std::size_t n = lane.size();
    std::vector<Complex> roots(n);
    for (std::size_t k = 0; k < n; ++k) {
        const double turn = 2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
        roots[k] = {std::cos(turn), inverse ? std::sin(turn) : -std::sin(turn)};
    }
    std::vector<Complex> out = transform(lane.data(), n, 1, roots);
    for (Complex& x : out) x /= inverse ? static_cast<double>(n) : 1.0;
    return out;
}

}  // namespace hf::runtime::ref
