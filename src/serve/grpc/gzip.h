// gzip (RFC 1952) over whole messages, by zlib. Pure functions.

#pragma once

#include "base/bytes.h"
#include "base/status.h"

namespace hf::serve::grpc {

// RESOURCE_EXHAUSTED as soon as the result exceeds `bytes_max`, whatever it would become;
// INVALID_ARGUMENT when it is not gzip to its last byte.
Result<Bytes> gunzip(ByteView packed, std::size_t bytes_max);

Bytes gzip(ByteView bytes);

}  // namespace hf::serve::grpc
