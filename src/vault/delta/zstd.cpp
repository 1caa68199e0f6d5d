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
    HF_CHECK(level >= kMinLevel && level <= kMaxLevel);
    Bytes& frame = state_->frame;
    if (frame.size() < ZSTD_compressBound(bytes.size())) {
        frame.resize(ZSTD_compressBound(bytes.size()));
    }
    const std::size_t size = ZSTD_compressCCtx(state_->context.get(), frame.data(), frame.size(),
                                               bytes.data(), bytes.size(), level);
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

Status Decompressor::decompress(ByteView frame, std::span<std::uint8_t> out) {
    const bool whole = ZSTD_findFrameCompressedSize(frame.data(), frame.size()) == frame.size();
    const bool fits = ZSTD_getFrameContentSize(frame.data(), frame.size()) == out.size();
    if (!whole || !fits) {
        return data_loss("the packed bytes are not one zstd frame of {} bytes", out.size());
    }
    const std::size_t size = ZSTD_decompressDCtx(state_->context.get(), out.data(), out.size(),
                                                 frame.data(), frame.size());
    if (ZSTD_isError(size)) return data_loss("zstd: {}", ZSTD_getErrorName(size));
    if (size != out.size()) return data_loss("zstd gave {} of {} bytes", size, out.size());
    return {};
}

}  // namespace hf::vault::delta
