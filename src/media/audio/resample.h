// Resampling by a rational factor: a windowed sinc as a polyphase filter, which computes no sample
// that is dropped. The filter is that of scipy.signal.resample_poly: up/down in lowest terms, ten
// zeros of the sinc to either side, a Kaiser window with beta 5, a gain of one for what is
// constant; n samples become ceil(n up / down), and beyond the ends there is silence.
//
// Pure. RESOURCE_EXHAUSTED for a result beyond kMaxSoundSamples (sound.h).

#pragma once

#include <limits>

#include "media/audio/sound.h"

namespace hf::media::audio {

// How many samples there are of so many. REQUIRES: as of resample().
std::size_t resampled_length(std::size_t samples, std::int64_t from, std::int64_t to);

// Some of the samples of a result: those from `first` on, at most `count`.
struct Stretch {
    std::size_t first = 0;
    std::size_t count = std::numeric_limits<std::size_t>::max();
};

// The wanted samples, as if all had been made; the others cost nothing. REQUIRES: both rates from
// kMinRate to kMaxRate, and wanted.first not beyond the end.
Result<Sound> resample(Sound sound, std::int64_t rate, Stretch wanted = {});

}  // namespace hf::media::audio
