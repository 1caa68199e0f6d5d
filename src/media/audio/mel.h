// Mel filters: triangles over the bins of a spectrum, evenly spaced on a scale of pitch. Two scales
// are in use, HTK's (2595 log10(1 + f/700)) and that of Slaney's Auditory Toolbox (linear up to
// 1 kHz, logarithmic above; librosa's), and triangles are straight over hertz (librosa, torchaudio)
// or over mels (tf.signal.linear_to_mel_weight_matrix, which leaves the bin of 0 Hz out).
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace hf::media::audio {

struct MelOptions {
    enum class Scale : unsigned char { kHtk, kSlaney };
    enum class Triangles : unsigned char { kHertz, kMels };

    std::size_t bands = 0;  // from 1 on
    double low_hz = 0;      // 0 <= low < high
    double high_hz = 0;
    Scale scale = Scale::kSlaney;
    Triangles triangles = Triangles::kHertz;
    bool equal_area = false;  // each divided by half its width in hertz (Slaney's normalisation)
};

class MelFilters final {
public:
    // `bins`: of a spectrum from 0 Hz to half of `rate`.
    MelFilters(const MelOptions& options, std::size_t bins, double rate);

    std::size_t bands() const { return bands_.size(); }

    // REQUIRES: all bins, room for all bands.
    void apply(std::span<const double> spectrum, std::span<double> out) const;

private:
    struct Band {
        std::size_t first = 0;
        std::vector<double> weights;
    };
    std::vector<Band> bands_;
};

}  // namespace hf::media::audio
