#include "media/audio/riff.h"

#include <algorithm>
#include <array>

namespace hf::media::audio {
namespace {

constexpr std::size_t kRiffHead = 12;  // "RIFF", a length, "WAVE"
constexpr std::size_t kChunkHead = 8;  // a name and a length
constexpr std::uint32_t kUnknownLength = 0xFFFFFFFF;
constexpr std::uint16_t kExtensible = 0xFFFE;  // the kind then stands where a GUID begins
constexpr std::size_t kShortFormat = 16;
constexpr std::size_t kLongFormat = 40;
constexpr std::size_t kGuidAt = 24;

Status check_format(ByteView format) {
    if (format.size() < kShortFormat) return invalid_argument("the WAV file is damaged: 'fmt '");
    auto kind = load_le<std::uint16_t>(format.data());
    if (kind == kExtensible && format.size() >= kLongFormat) {
        kind = load_le<std::uint16_t>(format.data() + kGuidAt);
    }
    constexpr std::array<std::uint16_t, 4> kRead{1, 3, 6, 7};  // PCM, floats, A-law, mu-law
    if (std::find(kRead.begin(), kRead.end(), kind) != kRead.end()) return {};
    return unimplemented(
        "a WAV file with samples of kind {:#06x} is not read here; convert it to PCM of 16 bits",
        kind);
}

}  // namespace

bool is_wav(ByteView bytes) {
    return bytes.size() >= kRiffHead && as_text(bytes).starts_with("RIFF") &&
           as_text(bytes).substr(8, 4) == "WAVE";
}

Status check_wav(ByteView bytes) {
    bool has_format = false;
    std::size_t at = kRiffHead;
    while (bytes.size() - at >= kChunkHead) {
        const std::string_view name = as_text(bytes).substr(at, 4);
        const std::size_t length = load_le<std::uint32_t>(bytes.data() + at + 4);
        at += kChunkHead;
        const std::size_t left = bytes.size() - at;
        const bool is_data = name == "data";
        if (is_data && !has_format) break;
        if (is_data && length == kUnknownLength) return {};
        if (length > left) {
            return invalid_argument("the WAV file is cut off: {} of {} bytes of {} are there", left,
                                    length, is_data ? "its samples" : "a chunk");
        }
        if (is_data) return {};
        if (name == "fmt ") {
            HF_TRY(check_format(bytes.subspan(at, length)));
            has_format = true;
        }
        at += std::min(left, length + length % 2);  // chunks begin at even places
    }
    return invalid_argument("the WAV file is damaged: it has no chunk '{}'",
                            has_format ? "data" : "fmt ");
}

}  // namespace hf::media::audio
