// Sounds as people send them: the bytes of a WAV file (RIFF, RFC 2361) or a FLAC file (RFC 9639)
// become samples of one channel, the mean of all that the file has. What a file is, its bytes say.
//
// Integers are divided by half their range, so that samples lie from -1 up to 1; floats stay as
// they are, also beyond. Length, channels and rate are bounded before memory is taken for them.
//
// Pure. INVALID_ARGUMENT: no such file, or one that is damaged, cut off or has no samples;
// UNIMPLEMENTED: a kind that is not read here, with what to do; RESOURCE_EXHAUSTED: beyond a bound.

#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::media::audio {

inline constexpr std::int64_t kMinRate = 1'000;  // Hz, of files and of what models take
inline constexpr std::int64_t kMaxRate = 192'000;
inline constexpr std::int64_t kMaxSoundChannels = 16;
inline constexpr std::size_t kMaxSoundSamples = std::size_t{16} << 20;  // of a channel

struct Sound {
    std::int64_t rate = 0;  // samples a second
    std::vector<float> samples;
};

// Whether this machine has the decoder, libsndfile.so.1; UNIMPLEMENTED says how to install it.
Status has_decoder();

// REQUIRES: has_decoder().
Result<Sound> decode_sound(ByteView bytes);

}  // namespace hf::media::audio
