// Features of a sound: its spectrogram, mel spectrogram or mel-frequency cepstral coefficients
// (Davis and Mermelstein, 1980), a row for each frame. In double precision; rounded once.
//
//     frames (framing.h) -> |FFT| ^ power -> mel bands (mel.h) -> logarithm -> DCT-II -> lifter
//
// Immutable once made; from any thread. Pure.

#pragma once

#include <cstdint>
#include <vector>

#include "media/audio/fft.h"
#include "media/audio/framing.h"
#include "media/audio/mel.h"

namespace hf::media::audio {

// x becomes log(max(x + offset, floor)). Decibels are 10 log10 of power, 20 log10 of magnitude.
struct LogOptions {
    enum class Base : unsigned char { kNone, kE, kTen, kDecibels };

    Base base = Base::kNone;
    double offset = 0;
    double floor = 0;         // offset or floor is above 0
    bool to_loudest = false;  // the largest value of the sound becomes 0
    bool has_range = false;   // what is less than the largest by more than `range` is raised
    double range = 0;
};

struct FeatureOptions {
    enum class Kind : unsigned char { kSpectrogram, kMel, kMfcc };
    enum class Dct : unsigned char { kOrtho, kHtk };  // HTK: the first as the others, sqrt(2/N)

    Kind kind = Kind::kMel;
    Framing framing;
    int power = 2;  // 1: magnitude
    MelOptions mel;
    LogOptions log;
    std::size_t coefficients = 0;  // of MFCC, 1 to mel.bands
    Dct dct = Dct::kOrtho;
    double lifter = 0;  // coefficient k times 1 + lifter/2 sin(pi (k+1) / lifter); 0: none
};

class Features final {
public:
    // REQUIRES: options as the comments say, and RealFft::supports(framing.fft_length).
    Features(const FeatureOptions& options, std::int64_t rate);

    std::size_t width() const;  // numbers a frame
    const Framing& framing() const { return options_.framing; }

    // framing().frames(sound.size()) rows.
    std::vector<float> of(std::span<const float> sound) const;

private:
    void take_logs(std::vector<double>& values) const;
    void take_cosines(std::span<const double> bands, std::span<float> out) const;

    FeatureOptions options_;
    RealFft fft_;
    std::vector<double> weights_;
    MelFilters mel_;
    std::vector<double> cosines_;  // a row for each coefficient, liftered
};

}  // namespace hf::media::audio
