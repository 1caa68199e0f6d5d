// Packs the bytes of a chunk: a zstd frame for each of its parts (a plane, the marks, the list), so
// that bytes of one kind share one code; small neighbours share a frame.
//
// The one idea: planes of differences are mostly noise over few symbols, in which matches cost more
// than they save, and text and zeros are the opposite. So each frame is made without matches or
// with, by what is smaller for a sample of it.
//
// Keeps working memory between calls: one thread at a time.

#pragma once

#include <span>

#include "base/bytes.h"
#include "vault/delta/format.h"
#include "vault/delta/zstd.h"

namespace hf::vault::delta {

// Appends the sizes of the parts of the operation's data, in their order.
void append_parts(const Operation& operation, std::vector<std::size_t>& parts);

class Packer final {
public:
    // REQUIRES: kMinLevel <= level <= kMaxLevel.
    explicit Packer(int level) : level_(level) {}

    // Appends the frames. REQUIRES: the parts add up to bytes.size().
    void pack(ByteView bytes, std::span<const std::size_t> parts, Bytes& out);

private:
    void pack_frame(ByteView bytes, Bytes& out);

    int level_;
    Compressor compressor_;
};

}  // namespace hf::vault::delta
