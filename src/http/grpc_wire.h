// What gRPC puts around messages over HTTP/2, for both of its sides: how messages are framed, and
// the status that ends every call. Compression is the caller's. Pure functions and values.
//
// Followed is doc/PROTOCOL-HTTP2.md of grpc/grpc.

#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "http/message.h"

namespace hf::http::grpc {

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

Bytes frame(ByteView message, bool compressed);

bool is_grpc(std::string_view content_type);

// grpc-status and grpc-message, which is cut where it is very long.
void add_status(Headers& headers, const Status& status);

// Whether the answer has a grpc-status.
bool has_status(const Response& response);

// What an answer says of its call: by its trailers, by its header where it has nothing else, or by
// its HTTP status where it is no gRPC (doc/http-grpc-status-mapping.md).
Status status_of(const Response& response);

}  // namespace hf::http::grpc
