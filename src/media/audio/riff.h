// What a WAV file says of itself in its chunks (RIFF, "Multimedia Programming Interface and Data
// Specifications 1.0"; kinds of samples by RFC 2361), before a decoder sees it: libsndfile reads
// what is there of a file that was cut off, many more kinds of samples than are taken here, and
// chunks that nobody needs.
//
// Pure.

#pragma once

#include "base/bytes.h"
#include "base/status.h"

namespace hf::media::audio {

bool is_wav(ByteView bytes);

// The same file with its format and its samples alone, which are PCM, IEEE floats, A-law or mu-law
// (also as WAVE_FORMAT_EXTENSIBLE) and all there. A length of 0xFFFFFFFF, as programs write it that
// do not know it yet, is what is there. UNIMPLEMENTED for other kinds of samples, else
// INVALID_ARGUMENT. REQUIRES: is_wav().
Result<Bytes> plain_wav(ByteView bytes);

}  // namespace hf::media::audio
