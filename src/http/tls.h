// What TLS asks of OpenSSL here: contexts for servers and clients (TLS 1.2 and 1.3; ALPN http/1.1,
// and h2 where it is spoken) and what a peer's certificate says. A context is immutable once made.
//
// Internal to this module. Errors: INVALID_ARGUMENT names which PEM text is not what it should be.

#pragma once

#include <memory>
#include <string>

#include <boost/asio/ssl/context.hpp>

#include "base/status.h"
#include "http/client.h"
#include "http/server.h"

namespace hf::http {

// `http2`: whether "h2" is taken from clients that offer it.
Result<std::unique_ptr<boost::asio::ssl::context>> make_server_context(const Tls& tls, bool http2);

// Whether the handshake settled on "h2".
bool has_chosen_http2(SSL* ssl);

// Trusts the system's authorities and those of `options`, or the pinned one alone. `http2`: offers
// "h2" and nothing else. REQUIRES: `options` outlives the context.
Result<std::unique_ptr<boost::asio::ssl::context>> make_client_context(const ClientOptions& options,
                                                                       bool http2);

// Writes the version and what the certificate that the peer showed says into the request's fields;
// the common name only when there is exactly one. REQUIRES: the handshake is done, so the
// certificate was verified.
void describe_peer(SSL* ssl, Request& request);

// What describe_peer() wrote into one request, into another of the same connection.
void copy_peer(const Request& from, Request& to);

// Asks the peer for `host`'s certificate and checks that it is the one shown. INVALID_ARGUMENT for
// hosts that no certificate can name.
Status expect_host(SSL* ssl, const std::string& host);

// UNAUTHENTICATED unless the peer's certificate has this URI, and no other. OK for an empty one.
Status check_server_uri(SSL* ssl, const std::string& uri);

}  // namespace hf::http
