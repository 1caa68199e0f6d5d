// What a server of gRPC adds to its framing (http/grpc_wire.h): compression and the deadline. Pure
// functions and values.
//
// Followed is doc/PROTOCOL-HTTP2.md and doc/compression.md of grpc/grpc.

#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "base/time.h"
#include "http/grpc_wire.h"
#include "http/message.h"

namespace hf::serve::grpc {

using http::grpc::add_status;
using http::grpc::is_grpc;
using http::grpc::Message;
using http::grpc::MessageReader;

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

// A call that ends before it has answered anything.
http::Response trailers_only(const Status& status);

}  // namespace hf::serve::grpc
