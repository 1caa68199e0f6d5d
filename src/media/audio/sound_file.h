// Sound files by libsndfile, which shows in no other file. The library is opened by its name when
// the first is read. Errors as sound.h says. Pure, but for the library's own note of why the last
// file did not open, which nobody reads.

#pragma once

#include "media/audio/sound.h"

namespace hf::media::audio {

// REQUIRES: has_decoder(), and that it begins as a WAV or FLAC file, so that no other parser of the
// library sees it.
Result<Sound> read_sound_file(ByteView bytes);

}  // namespace hf::media::audio
