// What a WAV file says of itself in its chunks (RIFF, "Multimedia Programming Interface and Data
// Specifications 1.0"; kinds of samples by RFC 2361), before a decoder sees it: libsndfile reads
// what is there of a file that was cut off, and many more kinds than are taken here.
//
// Pure.

#pragma once

#include "base/bytes.h"
#include "base/status.h"

namespace hf::media::audio {

bool is_wav(ByteView bytes);

// OK for PCM, IEEE floats, A-law and mu-law (also as WAVE_FORMAT_EXTENSIBLE) whose samples are all
// there. A length of 0xFFFFFFFF, as programs write it that do not know it yet, is what is there.
// UNIMPLEMENTED for other kinds of samples, else INVALID_ARGUMENT. REQUIRES: is_wav().
Status check_wav(ByteView bytes);

}  // namespace hf::media::audio
