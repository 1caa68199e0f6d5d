// The discrete Fourier transform of real numbers: X[k] = sum over t of x[t] exp(-2 pi i k t / n),
// for k = 0 to n/2. Lengths are even, of the factors 2, 3, 5 and 7 (windows of audio models have
// 256, 400, 480, 512, ... samples).
//
// The idea: the even and odd samples are the real and imaginary parts of half as many complex ones,
// transformed by decimation in time in factors of 4, 2, 3, 5, 7 (Cooley and Tukey, 1965; the split
// as in Numerical Recipes, 12.3).
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace hf::media::audio {

class RealFft final {
public:
    using Complex = std::complex<double>;
    static constexpr std::size_t kMaxLength = 32768;

    // Whether transforms of that length are built.
    static bool supports(std::size_t length);

    // REQUIRES: supports(length).
    explicit RealFft(std::size_t length);

    std::size_t length() const { return length_; }
    std::size_t bins() const { return length_ / 2 + 1; }

    // REQUIRES: length() numbers, room for bins().
    void transform(std::span<const double> in, std::span<Complex> out) const;

private:
    struct Part {  // what a level of the recursion transforms: in[0], in[stride], ...
        const Complex* in;
        Complex* out;
        std::size_t stride;
    };
    void transform_part(const Part& part, std::size_t level) const;
    void combine(Complex* out, std::size_t radix, std::size_t size, std::size_t stride) const;
    void split_halves(std::span<Complex> out) const;

    std::size_t length_;
    std::vector<std::size_t> factors_;  // of length_ / 2
    std::vector<Complex> roots_;        // exp(-2 pi i k / length_)
};

}  // namespace hf::media::audio
