#include "media/audio/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace hf::media::audio {
namespace {

constexpr std::size_t kZeros = 10;
constexpr double kBeta = 5;

// The modified Bessel function of the first kind and order zero, by its series.
double bessel(double x) {
    double sum = 1;
    double term = 1;
    for (double k = 1; term > 1e-17 * sum; ++k) {
        term *= (x / (2 * k)) * (x / (2 * k));
        sum += term;
    }
    return sum;
}

// One half of the filter, from its middle on; it is symmetric. In steps of the rate that both have
// in common.
std::vector<double> filter_half(std::size_t up, std::size_t down) {
    const std::size_t wide = std::max(up, down);
    const std::size_t half = kZeros * wide;
    std::vector<double> taps(half + 1);
    double sum = 0;
    for (std::size_t i = 0; i <= half; ++i) {
        const double place = static_cast<double>(i) / static_cast<double>(half);
        const double x = static_cast<double>(i) / static_cast<double>(wide) * std::numbers::pi;
        const double sinc = i == 0 ? 1 : std::sin(x) / x;
        taps[i] = sinc * bessel(kBeta * std::sqrt(1 - place * place));
        sum += i == 0 ? taps[i] : 2 * taps[i];
    }
    for (double& tap : taps) tap *= static_cast<double>(up) / sum;
    return taps;
}

}  // namespace

std::size_t resampled_length(std::size_t samples, std::int64_t from, std::int64_t to) {
    const auto up = static_cast<std::size_t>(to / std::gcd(from, to));
    const auto down = static_cast<std::size_t>(from / std::gcd(from, to));
    return (samples * up + down - 1) / down;
}

Result<Sound> resample(Sound sound, std::int64_t rate, Stretch wanted) {
    HF_CHECK(std::min(rate, sound.rate) >= kMinRate && std::max(rate, sound.rate) <= kMaxRate,
             "resampling of {} Hz to {}", sound.rate, rate);
    const std::size_t whole = resampled_length(sound.samples.size(), sound.rate, rate);
    HF_CHECK(wanted.first <= whole, "samples from {} on, of {}", wanted.first, whole);
    const std::size_t count = std::min(wanted.count, whole - wanted.first);
    if (count > kMaxSoundSamples) {
        return resource_exhausted("the sound would have {} samples at {} Hz, above {}", count, rate,
                                  kMaxSoundSamples);
    }
    if (sound.rate == rate) {
        if (count == whole) return sound;
        const auto begin = sound.samples.begin() + static_cast<std::ptrdiff_t>(wanted.first);
        return Sound{rate, {begin, begin + static_cast<std::ptrdiff_t>(count)}};
    }
    const std::int64_t common = std::gcd(sound.rate, rate);
    const auto up = static_cast<std::size_t>(rate / common);
    const auto down = static_cast<std::size_t>(sound.rate / common);
    const std::vector<double> taps = filter_half(up, down);
    const std::size_t half = taps.size() - 1;
    Sound out{rate, std::vector<float>(count)};
    for (std::size_t i = 0; i < count; ++i) {
        // Where every sample lies at a multiple of `up`.
        const std::size_t middle = (wanted.first + i) * down;
        const std::size_t first = middle > half ? (middle - half + up - 1) / up : 0;
        const std::size_t last = std::min((middle + half) / up + 1, sound.samples.size());
        double sum = 0;
        for (std::size_t k = first; k < last; ++k) {
            const std::size_t at = k * up;
            sum += taps[at > middle ? at - middle : middle - at] *
                   static_cast<double>(sound.samples[k]);
        }
        out.samples[i] = static_cast<float>(sum);
    }
    return out;
}

}  // namespace hf::media::audio
