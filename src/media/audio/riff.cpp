#include "media/audio/riff.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace hf::media::audio {
namespace {

constexpr std::size_t kRiffHead = 12;  // "RIFF", a length, "WAVE"
constexpr std::size_t kChunkHead = 8;  // a name and a length
constexpr std::uint32_t kUnknownLength = 0xFFFFFFFF;
constexpr std::uint16_t kExtensible = 0xFFFE;  // the kind then stands where a GUID begins
constexpr std::size_t kShortFormat = 16;
constexpr std::size_t kLongFormat = 40;
constexpr std::size_t kLongestFormat = 64;
constexpr std::size_t kGuidAt = 24;

Status check_format(ByteView format) {
    if (format.size() < kShortFormat || format.size() > kLongestFormat) {
        return invalid_argument("the WAV file is damaged: its chunk 'fmt ' has {} bytes",
                                format.size());
    }
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

void append_chunk(std::string_view name, ByteView content, Bytes& to) {
    to.insert(to.end(), name.begin(), name.end());
    append_le(to, static_cast<std::uint32_t>(content.size()));
    to.insert(to.end(), content.begin(), content.end());
    if (content.size() % 2 != 0) to.push_back(0);  // chunks begin at even places
}

Bytes file_of(ByteView format, ByteView samples) {
    Bytes file;
    file.reserve(kRiffHead + 2 * kChunkHead + format.size() + samples.size() + 2);
    append_chunk("RIFF", as_bytes("WAVE"), file);
    append_chunk("fmt ", format, file);
    append_chunk("data", samples, file);
    const auto length = static_cast<std::uint32_t>(file.size() - kChunkHead);
    std::memcpy(file.data() + 4, &length, sizeof length);
    return file;
}

}  // namespace

bool is_wav(ByteView bytes) {
    return bytes.size() >= kRiffHead && as_text(bytes).starts_with("RIFF") &&
           as_text(bytes).substr(8, 4) == "WAVE";
}

Result<Bytes> plain_wav(ByteView bytes) {
    ByteView format;
    std::size_t at = kRiffHead;
    while (bytes.size() - at >= kChunkHead) {
        const std::string_view name = as_text(bytes).substr(at, 4);
        std::size_t length = load_le<std::uint32_t>(bytes.data() + at + 4);
        at += kChunkHead;
        const std::size_t left = bytes.size() - at;
        const bool is_data = name == "data";
        if (is_data && format.empty()) break;
        if (is_data && length == kUnknownLength) length = left;
        if (length > left) {
            return invalid_argument("the WAV file is cut off: {} of {} bytes of {} are there", left,
                                    length, is_data ? "its samples" : "a chunk");
        }
        const ByteView content = bytes.subspan(at, length);
        if (is_data) return file_of(format, content);
        if (name == "fmt ") {
            HF_TRY(check_format(content));
            format = content;
        }
        at += std::min(left, length + length % 2);
    }
    return invalid_argument("the WAV file is damaged: it has no chunk '{}'",
                            format.empty() ? "fmt " : "data");
}

}  // namespace hf::media::audio
