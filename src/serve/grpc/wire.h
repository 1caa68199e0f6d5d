// What gRPC puts around messages over HTTP/2: their framing and compression, the deadline, and the
// status that ends every call. Pure functions and values.
//
// Followed is doc/PROTOCOL-HTTP2.md and doc/compression.md of grpc/grpc.

#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "http/message.h"

namespace hf::serve::grpc {

struct Message {
    bool compressed = false;
    Bytes bytes;
};

// Cuts a body into messages as it comes: each has a byte that says whether it is compressed, its
// length in four bytes, big-endian, and its bytes.
class MessageReader final {
public:
    explicit MessageReader(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    void add(ByteView bytes);

    // True when `message` is the next one, false when it has not come yet. RESOURCE_EXHAUSTED as
    // soon as its length is known and above the bound; INTERNAL when this is no message.
    Result<bool> next(Message& message);

    std::size_t held() const { return buffer_.size() - at_; }

private:
    const std::size_t bytes_max_;
    Bytes buffer_;
    std::size_t at_ = 0;
};

enum class Encoding : unsigned char { kIdentity, kGzip };

inline constexpr std::string_view kEncodings = "identity,gzip";  // grpc-accept-encoding

// Of the messages that come. UNIMPLEMENTED for others than ours.
Result<Encoding> encoding_of(const http::Headers& headers);

// Answers go out as requests come, where the client takes that.
Encoding answer_encoding(const http::Headers& headers, Encoding came);

Result<Bytes> unpack(Message message, Encoding encoding, std::size_t bytes_max);
Bytes pack(ByteView message, Encoding encoding);  // framed

// What grpc-timeout says: up to eight digits and a unit, "250m". Duration::max() without one.
Result<Duration> timeout_of(const http::Headers& headers);

bool is_grpc(std::string_view content_type);

// grpc-status and grpc-message, which is cut where it is very long.
void add_status(http::Headers& headers, const Status& status);

// A call that ends before it has answered anything.
http::Response trailers_only(const Status& status);

}  // namespace hf::serve::grpc
