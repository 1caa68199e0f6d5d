// Zstandard frames (RFC 8878), over libzstd: the one adapter. Each call makes or reads one whole
// frame; the caller knows the sizes, so that reading a frame never takes more memory than that.
//
// Objects keep working memory between calls: one thread at a time each.

#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::vault::delta {

inline constexpr int kMinLevel = 1, kMaxLevel = 19;

class Compressor final {
public:
    Compressor();
    ~Compressor();

    // The frame, valid until the next call. REQUIRES: kMinLevel <= level <= kMaxLevel.
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

    // Fills `out`. DATA_LOSS when `frame` is not one whole frame of exactly out.size() bytes.
    Status decompress(ByteView frame, std::span<std::uint8_t> out);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace hf::vault::delta
