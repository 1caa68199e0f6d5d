#include "media/audio/framing.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hf::media::audio {
namespace {

// Of a sound that goes back from either end, without repeating its last sample.
float reflected(std::span<const float> sound, std::ptrdiff_t at) {
    const auto size = static_cast<std::ptrdiff_t>(sound.size());
    if (size == 1) return sound[0];
    const std::ptrdiff_t period = 2 * (size - 1);
    const std::ptrdiff_t place = ((at % period) + period) % period;
    return sound[static_cast<std::size_t>(place < size ? place : period - place)];
}

}  // namespace

std::size_t Framing::frames(std::size_t samples) const {
    const std::size_t whole = samples + 2 * padded();
    return samples == 0 || whole < span() ? 0 : 1 + (whole - span()) / hop;
}

std::size_t Framing::samples(std::size_t frames) const {
    const std::size_t whole = span() + (frames - 1) * hop;
    return whole > 2 * padded() ? whole - 2 * padded() : 1;
}

std::vector<double> Framing::weights() const {
    std::vector<double> all(span(), 0.0);
    const std::size_t first = (span() - window_length) / 2;
    const auto period = static_cast<double>(symmetric ? window_length - 1 : window_length);
    for (std::size_t i = 0; i < window_length; ++i) {
        const double turn =
            period > 0 ? 2 * std::numbers::pi * static_cast<double>(i) / period : std::numbers::pi;
        double weight = 1;
        if (window == Window::kHann) weight = 0.5 - 0.5 * std::cos(turn);
        if (window == Window::kHamming) weight = 0.54 - 0.46 * std::cos(turn);
        all[first + i] = weight;
    }
    return all;
}

void Framing::take(std::span<const float> sound, std::size_t number,
                   std::span<const double> weights, std::span<double> out) const {
    const auto size = static_cast<std::ptrdiff_t>(sound.size());
    const auto start =
        static_cast<std::ptrdiff_t>(number * hop) - static_cast<std::ptrdiff_t>(padded());
    for (std::size_t i = 0; i < weights.size(); ++i) {
        const std::ptrdiff_t at = start + static_cast<std::ptrdiff_t>(i);
        float sample = 0;
        if (at >= 0 && at < size) {
            sample = sound[static_cast<std::size_t>(at)];
        } else if (padding == Padding::kReflect) {
            sample = reflected(sound, at);
        }
        out[i] = weights[i] * static_cast<double>(sample);
    }
    std::fill(out.begin() + static_cast<std::ptrdiff_t>(weights.size()), out.end(), 0.0);
}

}  // namespace hf::media::audio
