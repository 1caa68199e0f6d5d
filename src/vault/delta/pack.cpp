#include "vault/delta/pack.h"

#include <algorithm>

namespace hf::vault::delta {
namespace {

constexpr std::size_t kFrameBytes = 512;  // below, a code of its own costs more than it saves
constexpr std::size_t kSampleBytes = std::size_t{1} << 16;

}  // namespace

void append_parts(const Operation& operation, std::vector<std::size_t>& parts) {
    std::uint64_t elements = operation.size / operation.element.width;
    if (operation.kind == Kind::kCopy) return;
    if (operation.kind == Kind::kSparse) {
        parts.push_back(static_cast<std::size_t>(operation.marks));
        parts.push_back(static_cast<std::size_t>(sign_bytes(operation.element, operation.changed)));
        elements = operation.changed;
    }
    parts.insert(parts.end(), operation.element.width, static_cast<std::size_t>(elements));
}

void Packer::pack(ByteView bytes, std::span<const std::size_t> parts, Bytes& out) {
    std::size_t from = 0, size = 0;
    for (const std::size_t part : parts) {
        if (size >= kFrameBytes && part >= kFrameBytes) {
            pack_frame(bytes.subspan(from, size), out);
            from += size;
            size = 0;
        }
        size += part;
    }
    pack_frame(bytes.subspan(from, size), out);
}

void Packer::pack_frame(ByteView bytes, Bytes& out) {
    const std::size_t sample = std::min(bytes.size(), kSampleBytes);
    const ByteView middle = bytes.subspan((bytes.size() - sample) / 2, sample);
    const std::size_t without = compressor_.compress(middle, kNoMatches).size();
    const std::size_t with = compressor_.compress(middle, level_).size();
    const ByteView frame = compressor_.compress(bytes, without <= with ? kNoMatches : level_);
    out.insert(out.end(), frame.begin(), frame.end());
}

}  // namespace hf::vault::delta
