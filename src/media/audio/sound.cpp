#include "media/audio/sound.h"

#include "media/audio/riff.h"
#include "media/audio/sound_file.h"

namespace hf::media::audio {

Result<Sound> decode_sound(ByteView bytes) {
    if (as_text(bytes).starts_with("fLaC")) return read_sound_file(bytes);
    if (!is_wav(bytes)) {
        return invalid_argument("this is neither a WAV nor a FLAC file, by its first bytes");
    }
    const Bytes plain = HF_TRY(plain_wav(bytes));
    return read_sound_file(plain);
}

}  // namespace hf::media::audio
