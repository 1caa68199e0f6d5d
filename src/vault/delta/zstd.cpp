#include "vault/delta/zstd.h"

#include <zstd.h>

namespace hf::vault::delta {

struct Compressor::State {
    std::unique_ptr<ZSTD_CCtx, size_t (*)(ZSTD_CCtx*)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};
    Bytes frame;
};

Compressor::Compressor() : state_(std::make_unique<State>()) {
    HF_CHECK(state_->context != nullptr, "no memory for a zstd context");
}
Compressor::~Compressor() = default;

ByteView Compressor::compress(ByteView bytes, int level) {
    HF_CHECK(level >= kNoMatches && level <= kMaxLevel);
    ZSTD_CCtx* context = state_->context.get();
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    if (level == kNoMatches) {
        // A table of 64 places finds next to none, and blocks stay as large as they may be.
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, kMinLevel);
        ZSTD_CCtx_setParameter(context, ZSTD_c_strategy, ZSTD_fast);
        ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, 6);
        ZSTD_CCtx_setParameter(context, ZSTD_c_minMatch, 7);
        ZSTD_CCtx_setParameter(context, ZSTD_c_targetLength, 0);
    } else {
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    }
    Bytes& frame = state_->frame;
    if (frame.size() < ZSTD_compressBound(bytes.size())) {
        frame.resize(ZSTD_compressBound(bytes.size()));
    }
    const std::size_t size =
        ZSTD_compress2(context, frame.data(), frame.size(), bytes.data(), bytes.size());
    HF_CHECK(!ZSTD_isError(size), "zstd: {}", ZSTD_getErrorName(size));
    return ByteView(frame).first(size);
}

struct Decompressor::State {
    std::unique_ptr<ZSTD_DCtx, size_t (*)(ZSTD_DCtx*)> context{ZSTD_createDCtx(), ZSTD_freeDCtx};
};

Decompressor::Decompressor() : state_(std::make_unique<State>()) {
    HF_CHECK(state_->context != nullptr, "no memory for a zstd context");
}
Decompressor::~Decompressor() = default;
Decompressor::Decompressor(Decompressor&&) noexcept = default;

Status Decompressor::decompress(ByteView frames, std::span<std::uint8_t> out) {
    std::uint64_t content = 0;
    for (ByteView rest = frames; !rest.empty();) {
        const std::size_t size = ZSTD_findFrameCompressedSize(rest.data(), rest.size());
        const std::uint64_t bytes = ZSTD_getFrameContentSize(rest.data(), rest.size());
        const bool whole = !ZSTD_isError(size) && bytes != ZSTD_CONTENTSIZE_ERROR &&
                           bytes != ZSTD_CONTENTSIZE_UNKNOWN && bytes <= out.size() - content;
        if (!whole) break;
        content += bytes;
        rest = rest.subspan(size);
        if (rest.empty() && content == out.size()) return decompress_sound(frames, out);
    }
    return data_loss("the packed bytes are not whole zstd frames of {} bytes", out.size());
}

Status Decompressor::decompress_sound(ByteView frames, std::span<std::uint8_t> out) {
    const std::size_t size = ZSTD_decompressDCtx(state_->context.get(), out.data(), out.size(),
                                                 frames.data(), frames.size());
    if (ZSTD_isError(size)) return data_loss("zstd: {}", ZSTD_getErrorName(size));
    if (size != out.size()) return data_loss("zstd gave {} of {} bytes", size, out.size());
    return {};
}

}  // namespace hf::vault::delta
