// Deltas behind checksums that fit: what is applied makes what its header says, or is refused. The
// checksums, and the base's digest, are made to fit here, since a fuzzer seldom finds one.

#include <algorithm>

#include "view_file.h"

#include "base/checksum.h"
#include "crypto/hash.h"
#include "vault/delta/decode.h"

namespace {

using hf::vault::delta::kChunkHeadBytes;
using hf::vault::delta::kHeaderBytes;

// Offsets as docs/reference/delta.md gives them.
constexpr std::size_t kDeltaBytesAt = 16, kBaseBytesAt = 24, kBaseDigestAt = 48;
constexpr std::size_t kHeaderChecksumAt = 124, kPackedBytesAt = 16;

constexpr std::uint64_t kMostResult = 8 << 20;

class Counter final : public hf::env::FileWriter {
public:
    hf::Status append(hf::ByteView bytes) override {
        size += bytes.size();
        HF_CHECK(size <= kMostResult);
        return {};
    }
    hf::Status commit() override { return {}; }

    std::uint64_t size = 0;
};

template <typename T>
void put(hf::Bytes& bytes, std::size_t at, T value) {
    std::memcpy(bytes.data() + at, &value, sizeof value);
}

// The input as a delta: sizes, digest of the base and checksums as they must be.
hf::Bytes sealed(hf::ByteView input, hf::ByteView base) {
    hf::Bytes delta(input.begin(), input.end());
    const hf::Bytes magic = hf::vault::delta::write_header({});
    std::copy_n(magic.begin(), kDeltaBytesAt, delta.begin());
    put<std::uint64_t>(delta, kDeltaBytesAt, delta.size());
    put<std::uint64_t>(delta, kBaseBytesAt, base.size());
    const hf::Digest digest = hf::crypto::sha256(base);
    std::copy(digest.bytes().begin(), digest.bytes().end(), delta.begin() + kBaseDigestAt);
    std::fill(delta.begin() + 112, delta.begin() + kHeaderChecksumAt, 0);
    put(delta, kHeaderChecksumAt, hf::crc32c(hf::ByteView(delta).first(kHeaderChecksumAt)));
    for (std::size_t at = kHeaderBytes; delta.size() - at >= kChunkHeadBytes;) {
        const std::size_t size =
            kChunkHeadBytes + hf::load_le<std::uint32_t>(delta.data() + at + kPackedBytesAt);
        if (size > delta.size() - at) break;
        put(delta, at, hf::crc32c(hf::ByteView(delta).subspan(at + 4, size - 4)));
        at += size;
    }
    return delta;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < kHeaderBytes) return 0;
    hf::Bytes base(5000);
    for (std::size_t i = 0; i < base.size(); ++i) base[i] = static_cast<std::uint8_t>(i * i >> 3);
    const hf::Bytes delta = sealed({data, size}, base);
    Counter out;
    const auto applied =
        hf::vault::delta::apply(hf::fuzz::ViewFile(base), hf::fuzz::ViewFile(delta), out,
                                {.max_result_bytes = kMostResult});
    if (applied.ok()) HF_CHECK(out.size == applied->result_bytes);
    return 0;
}
