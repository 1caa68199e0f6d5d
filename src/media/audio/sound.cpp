#include "media/audio/sound.h"

#include "media/audio/riff.h"
#include "media/audio/sound_file.h"

namespace hf::media::audio {

Result<Sound> decode_sound(ByteView bytes) {
    const bool flac = as_text(bytes).starts_with("fLaC");
    if (!flac && !is_wav(bytes)) {
        return invalid_argument("this is neither a WAV nor a FLAC file, by its first bytes");
    }
    if (!flac) HF_TRY(check_wav(bytes));
    return read_sound_file(bytes);
}

}  // namespace hf::media::audio
