#include "serve/grpc/gzip.h"

#include <algorithm>

#include <zlib.h>

namespace hf::serve::grpc {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib's largest, in gzip's format
constexpr std::size_t kFirstBytes = 64u << 10;

// zlib counts in 32 bits, and takes no pointer to const.
constexpr std::size_t kBytesMax = 1u << 30;

Bytef* pointer(const std::uint8_t* bytes) {
    return const_cast<Bytef*>(bytes);
}

}  // namespace

Result<Bytes> gunzip(ByteView packed, std::size_t bytes_max) {
    if (packed.size() > kBytesMax)
        return resource_exhausted("{} bytes are too many", packed.size());
    z_stream stream{};
    HF_CHECK(inflateInit2(&stream, kGzipWindow) == Z_OK, "zlib has no memory");
    stream.next_in = pointer(packed.data());
    stream.avail_in = static_cast<uInt>(packed.size());
    Bytes bytes;
    int result = Z_OK;
    while (result == Z_OK && bytes.size() <= bytes_max) {
        const std::size_t done = bytes.size();
        const std::size_t grown = std::max(kFirstBytes, 2 * done);
        bytes.resize(std::min({grown, bytes_max + 1, done + kBytesMax}));
        stream.next_out = bytes.data() + done;
        stream.avail_out = static_cast<uInt>(bytes.size() - done);
        result = inflate(&stream, Z_NO_FLUSH);
        bytes.resize(bytes.size() - stream.avail_out);
    }
    const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
    inflateEnd(&stream);
    if (bytes.size() > bytes_max) {
        return resource_exhausted("the message unpacks to more than {} bytes", bytes_max);
    }
    if (!whole) return invalid_argument("the message is not gzip to its end");
    return bytes;
}

Bytes gzip(ByteView bytes) {
    z_stream stream{};
    constexpr int kMemoryLevel = 8;
    HF_CHECK(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                          Z_DEFAULT_STRATEGY) == Z_OK,
             "zlib has no memory");
    Bytes packed(deflateBound(&stream, bytes.size()));
    stream.next_out = packed.data();
    std::size_t written = 0;
    for (int result = Z_OK; result != Z_STREAM_END;) {
        const std::size_t piece = std::min(bytes.size(), kBytesMax);
        if (stream.avail_in == 0) {
            stream.next_in = pointer(bytes.data());
            stream.avail_in = static_cast<uInt>(piece);
            bytes = bytes.subspan(piece);
        }
        stream.avail_out = static_cast<uInt>(std::min(packed.size() - written, kBytesMax));
        result = deflate(&stream, bytes.empty() ? Z_FINISH : Z_NO_FLUSH);
        written = static_cast<std::size_t>(stream.next_out - packed.data());
    }
    deflateEnd(&stream);
    packed.resize(written);
    return packed;
}

}  // namespace hf::serve::grpc
