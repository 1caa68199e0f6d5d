#include "media/audio/mel.h"

#include <algorithm>
#include <cmath>

namespace hf::media::audio {
namespace {

constexpr double kSlaneyStep = 200.0 / 3;  // hertz a mel, up to the knee
constexpr double kSlaneyKnee = 1000;
constexpr double kSlaneyLogStep = 27;  // mels for a factor of 6.4
constexpr double kSlaneyFactor = 6.4;

double to_mels(double hertz, MelOptions::Scale scale) {
    if (scale == MelOptions::Scale::kHtk) return 2595 * std::log10(1 + hertz / 700);
    if (hertz < kSlaneyKnee) return hertz / kSlaneyStep;
    return kSlaneyKnee / kSlaneyStep +
           kSlaneyLogStep * std::log(hertz / kSlaneyKnee) / std::log(kSlaneyFactor);
}

double to_hertz(double mels, MelOptions::Scale scale) {
    if (scale == MelOptions::Scale::kHtk) return 700 * (std::pow(10, mels / 2595) - 1);
    const double knee = kSlaneyKnee / kSlaneyStep;
    if (mels < knee) return mels * kSlaneyStep;
    return kSlaneyKnee * std::exp(std::log(kSlaneyFactor) * (mels - knee) / kSlaneyLogStep);
}

}  // namespace

MelFilters::MelFilters(const MelOptions& options, std::size_t bins, double rate)
    : bands_(options.bands) {
    const bool in_mels = options.triangles == MelOptions::Triangles::kMels;
    const double low = to_mels(options.low_hz, options.scale);
    const double high = to_mels(options.high_hz, options.scale);
    std::vector<double> edges;  // in mels or hertz, whichever the triangles are straight over
    std::vector<double> edges_hz;
    for (std::size_t i = 0; i < options.bands + 2; ++i) {
        const double share = static_cast<double>(i) / static_cast<double>(options.bands + 1);
        const double mels = low + share * (high - low);
        edges_hz.push_back(to_hertz(mels, options.scale));
        edges.push_back(in_mels ? mels : edges_hz.back());
    }
    std::vector<double> places;
    for (std::size_t bin = 0; bin < bins; ++bin) {
        const double hertz = rate / 2 * static_cast<double>(bin) / static_cast<double>(bins - 1);
        places.push_back(in_mels ? to_mels(hertz, options.scale) : hertz);
    }
    for (std::size_t b = 0; b < options.bands; ++b) {
        const double area = options.equal_area ? 2 / (edges_hz[b + 2] - edges_hz[b]) : 1;
        Band& band = bands_[b];
        for (std::size_t bin = in_mels ? 1 : 0; bin < bins; ++bin) {
            const double rise = (places[bin] - edges[b]) / (edges[b + 1] - edges[b]);
            const double fall = (edges[b + 2] - places[bin]) / (edges[b + 2] - edges[b + 1]);
            const double weight = std::max(0.0, std::min(rise, fall)) * area;
            if (!(weight > 0)) continue;
            if (band.weights.empty()) band.first = bin;
            band.weights.push_back(weight);
        }
    }
}

void MelFilters::apply(std::span<const double> spectrum, std::span<double> out) const {
    for (std::size_t b = 0; b < bands_.size(); ++b) {
        const Band& band = bands_[b];
        double sum = 0;
        for (std::size_t i = 0; i < band.weights.size(); ++i) {
            sum += band.weights[i] * spectrum[band.first + i];
        }
        out[b] = sum;
    }
}

}  // namespace hf::media::audio
