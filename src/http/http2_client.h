// A Client (client.h) that speaks HTTP/2 (RFC 9113) and nothing else: over TLS by ALPN ("h2"),
// without by prior knowledge. One request at a time; one connection is kept a host. For servers of
// gRPC: what comes after a body is in Response::trailers.
//
// Not built: redirects, which are answers here, and bodies from a `source`, which are
// UNIMPLEMENTED. A request that the server says it did nothing with, as one that is about to close
// the connection does, is sent once more over a new one.
//
// Thread-safety and errors as Client; UNAVAILABLE also for a server that does not speak HTTP/2.

#pragma once

#include <memory>

#include "http/client.h"

namespace hf::http {

Result<std::unique_ptr<Client>> create_http2_client(ClientOptions options);

}  // namespace hf::http
