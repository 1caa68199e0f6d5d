// Zstandard frames (RFC 8878), over libzstd: the one adapter. A call makes one frame, or reads all
// that it is given; the caller knows the sizes, so that reading takes no more memory than that.
//
// Objects keep working memory between calls: one thread at a time each.

#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::vault::delta {

inline constexpr int kMinLevel = 1, kMaxLevel = 19;
inline constexpr int kNoMatches = 0;  // in the place of a level: only the code of single bytes

class Compressor final {
public:
    Compressor();
    ~Compressor();

    // The frame, valid until the next call. REQUIRES: kNoMatches <= level <= kMaxLevel.
    ByteView compress(ByteView bytes, int level);

private:
    struct State;
    std::unique_ptr<State> state_;
};

class Decompressor final {
public:
    Decompressor();
    ~Decompressor();
    Decompressor(Decompressor&&) noexcept;

    // Fills `out`. DATA_LOSS when `frames` are not whole frames of exactly out.size() bytes.
    Status decompress(ByteView frames, std::span<std::uint8_t> out);

private:
    Status decompress_sound(ByteView frames, std::span<std::uint8_t> out);

    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hf::vault::delta
