#include "media/audio/features.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace hf::media::audio {
namespace {

std::vector<double> cosines_of(const FeatureOptions& options) {
    const auto bands = static_cast<double>(options.mel.bands);
    std::vector<double> rows;
    for (std::size_t k = 0; k < options.coefficients; ++k) {
        const bool first = k == 0 && options.dct == FeatureOptions::Dct::kOrtho;
        double scale = std::sqrt((first ? 1 : 2) / bands);
        if (options.lifter > 0) {
            const double turn = std::numbers::pi * static_cast<double>(k + 1) / options.lifter;
            scale *= 1 + options.lifter / 2 * std::sin(turn);
        }
        for (std::size_t b = 0; b < options.mel.bands; ++b) {
            const double place = (static_cast<double>(b) + 0.5) * static_cast<double>(k) / bands;
            rows.push_back(scale * std::cos(std::numbers::pi * place));
        }
    }
    return rows;
}

}  // namespace

Features::Features(const FeatureOptions& options, std::int64_t rate)
    : options_(options),
      fft_(options.framing.fft_length),
      weights_(options.framing.weights()),
      mel_(options.mel, fft_.bins(), static_cast<double>(rate)),
      cosines_(options.kind == FeatureOptions::Kind::kMfcc ? cosines_of(options)
                                                           : std::vector<double>()) {}

std::size_t Features::width() const {
    if (options_.kind == FeatureOptions::Kind::kSpectrogram) return fft_.bins();
    return options_.kind == FeatureOptions::Kind::kMel ? options_.mel.bands : options_.coefficients;
}

void Features::take_logs(std::vector<double>& values) const {
    const LogOptions& log = options_.log;
    if (log.base == LogOptions::Base::kNone || values.empty()) return;
    double scale = 1;
    if (log.base == LogOptions::Base::kTen) scale = 1 / std::numbers::ln10;
    if (log.base == LogOptions::Base::kDecibels) {
        scale = (options_.power == 1 ? 20 : 10) / std::numbers::ln10;
    }
    for (double& value : values) value = scale * std::log(std::max(value + log.offset, log.floor));
    const double loudest = *std::max_element(values.begin(), values.end());
    for (double& value : values) {
        if (log.has_range) value = std::max(value, loudest - log.range);
        if (log.to_loudest) value -= loudest;
    }
}

void Features::take_cosines(std::span<const double> bands, std::span<float> out) const {
    for (std::size_t k = 0; k < out.size(); ++k) {
        double sum = 0;
        for (std::size_t b = 0; b < bands.size(); ++b) {
            sum += cosines_[k * bands.size() + b] * bands[b];
        }
        out[k] = static_cast<float>(sum);
    }
}

std::vector<float> Features::of(std::span<const float> sound) const {
    const std::size_t frames = framing().frames(sound.size());
    const bool mel = options_.kind != FeatureOptions::Kind::kSpectrogram;
    const std::size_t bands = mel ? mel_.bands() : fft_.bins();
    std::vector<double> frame(fft_.length());
    std::vector<RealFft::Complex> spectrum(fft_.bins());
    std::vector<double> strengths(fft_.bins());
    std::vector<double> values(frames * bands);
    for (std::size_t f = 0; f < frames; ++f) {
        framing().take(sound, f, weights_, frame);
        fft_.transform(frame, spectrum);
        for (std::size_t bin = 0; bin < strengths.size(); ++bin) {
            const double power = std::norm(spectrum[bin]);
            strengths[bin] = options_.power == 1 ? std::sqrt(power) : power;
        }
        const auto row = std::span(values).subspan(f * bands, bands);
        if (mel) {
            mel_.apply(strengths, row);
        } else {
            std::copy(strengths.begin(), strengths.end(), row.begin());
        }
    }
    take_logs(values);
    if (options_.kind != FeatureOptions::Kind::kMfcc) return {values.begin(), values.end()};
    std::vector<float> out(frames * width());
    for (std::size_t f = 0; f < frames; ++f) {
        take_cosines(std::span<const double>(values).subspan(f * bands, bands),
                     std::span(out).subspan(f * width(), width()));
    }
    return out;
}

}  // namespace hf::media::audio
