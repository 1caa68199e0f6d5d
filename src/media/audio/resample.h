// Resampling by a rational factor: a windowed sinc as a polyphase filter, which computes no sample
// that is dropped. The filter is that of scipy.signal.resample_poly: up/down in lowest terms, ten
// zeros of the sinc to either side, a Kaiser window with beta 5, a gain of one for what is
// constant; n samples become ceil(n up / down), and beyond the ends there is silence.
//
// Pure. RESOURCE_EXHAUSTED for a result beyond kMaxSoundSamples (sound.h).

#pragma once

#include "media/audio/sound.h"

namespace hf::media::audio {

// REQUIRES: both rates from kMinRate to kMaxRate.
Result<Sound> resample(Sound sound, std::int64_t rate);

}  // namespace hf::media::audio
