// HTTP/2 (RFC 9113) for a server: over TLS by ALPN ("h2"), without by prior knowledge of the
// client, which then begins with the preface. On the same port as HTTP/1.1, with the same handlers,
// bounds and drain; see docs/reference/http.md.
//
// A value that a program puts into ServerOptions::http2: one that does not neither links nor loads
// libnghttp2. Immutable; from any thread.

#pragma once

#include <memory>

namespace hf::http {

class ConnectionHost;
class Http2Connection;
class Transport;
struct Http2Start;

class Http2 {
public:
    // Internal to this module: takes over a connection, from the client's preface on.
    virtual std::shared_ptr<Http2Connection> connect(Transport transport, ConnectionHost& host,
                                                     Http2Start start) const = 0;

protected:
    ~Http2() = default;
};

const Http2& http2();

}  // namespace hf::http
