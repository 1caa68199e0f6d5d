#include "media/audio/fft.h"

#include <array>
#include <numbers>

#include "base/check.h"

namespace hf::media::audio {
namespace {

using Complex = RealFft::Complex;

constexpr std::array<std::size_t, 5> kRadices{4, 2, 3, 5, 7};

// Without the care for infinities that the operator takes.
Complex times(Complex a, Complex b) {
    return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

std::vector<std::size_t> factors_of(std::size_t length) {
    std::vector<std::size_t> factors;
    for (const std::size_t radix : kRadices) {
        for (; length % radix == 0; length /= radix) factors.push_back(radix);
    }
    if (length > 1) factors.clear();
    return factors;
}

}  // namespace

bool RealFft::supports(std::size_t length) {
    if (length < 2 || length > kMaxLength || length % 2 != 0) return false;
    return length == 2 || !factors_of(length / 2).empty();
}

RealFft::RealFft(std::size_t length) : length_(length), factors_(factors_of(length / 2)) {
    HF_CHECK(supports(length), "a transform of {} numbers", length);
    for (std::size_t k = 0; k < length; ++k) {
        const double turn =
            -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(length);
        roots_.push_back(std::polar(1.0, turn));
    }
}

// Every transform of the level has `size` numbers; the out's parts are those of the levels below.
void RealFft::combine(Complex* out, std::size_t radix, std::size_t size, std::size_t stride) const {
    const std::size_t whole = length_ / 2;
    std::array<Complex, 7> parts;
    for (std::size_t u = 0; u < size; ++u) {
        for (std::size_t q = 0; q < radix; ++q) {
            parts[q] = times(out[q * size + u], roots_[2 * q * u * stride]);
        }
        if (radix == 2) {
            out[u] = parts[0] + parts[1];
            out[size + u] = parts[0] - parts[1];
            continue;
        }
        if (radix == 4) {
            const Complex sum = parts[0] + parts[2];
            const Complex difference = parts[0] - parts[2];
            const Complex odd_sum = parts[1] + parts[3];
            const Complex odd = parts[1] - parts[3];
            const Complex turned(odd.imag(), -odd.real());  // by -i
            out[u] = sum + odd_sum;
            out[size + u] = difference + turned;
            out[2 * size + u] = sum - odd_sum;
            out[3 * size + u] = difference - turned;
            continue;
        }
        for (std::size_t r = 0; r < radix; ++r) {
            Complex sum = parts[0];
            for (std::size_t q = 1; q < radix; ++q) {
                sum += times(parts[q], roots_[2 * (q * r % radix) * (whole / radix)]);
            }
            out[r * size + u] = sum;
        }
    }
}

void RealFft::transform_part(const Part& part, std::size_t level) const {
    if (level == factors_.size()) {
        *part.out = *part.in;
        return;
    }
    const std::size_t radix = factors_[level];
    const std::size_t size = length_ / 2 / part.stride / radix;
    for (std::size_t q = 0; q < radix; ++q) {
        const Part below{part.in + q * part.stride, part.out + q * size, part.stride * radix};
        transform_part(below, level + 1);
    }
    combine(part.out, radix, size, part.stride);
}

void RealFft::split_halves(std::span<Complex> out) const {
    const std::size_t half = length_ / 2;
    const Complex first = out[0];
    out[0] = first.real() + first.imag();
    out[half] = first.real() - first.imag();
    for (std::size_t k = 1; k <= half - k; ++k) {
        const Complex a = out[k];
        const Complex b = std::conj(out[half - k]);
        const Complex even = 0.5 * (a + b);
        const Complex difference = 0.5 * (a - b);
        const Complex odd(difference.imag(), -difference.real());  // by -i
        const Complex turned = times(odd, roots_[k]);
        out[k] = even + turned;
        out[half - k] = std::conj(even - turned);
    }
}

void RealFft::transform(std::span<const double> in, std::span<Complex> out) const {
    HF_CHECK(in.size() == length_ && out.size() >= bins(), "a transform of {} numbers", in.size());
    // An array of pairs is one of complex numbers ([complex.numbers.general]).
    transform_part({reinterpret_cast<const Complex*>(in.data()), out.data(), 1}, 0);
    split_halves(out);
}

}  // namespace hf::media::audio
