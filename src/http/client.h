// A blocking HTTP/1.1 client with TLS, time-outs and bounded bodies. One connection is kept alive a
// host. Not thread-safe: one client a thread. Never follows a redirect to another scheme downwards
// (https to http), and drops Authorization when the host changes. Never asks for a compressed
// body. A name look-up takes as long as the system's resolver does.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"
#include "base/time.h"
#include "http/message.h"

namespace hf::http {

struct ClientOptions {
    Duration connect_timeout = std::chrono::seconds(10);

    // For the peer's machine to acknowledge what was sent and to have room for what waits to be
    // sent, and while nothing is, to say that it is there (whole seconds). Noticed is thus a cable
    // that was pulled; an answer that is worked at for a minute is no such silence.
    Duration acknowledge_timeout = std::chrono::seconds(10);

    Duration read_timeout = std::chrono::seconds(60);  // for the next bytes, to come or to go
    std::size_t body_bytes_max = 64u << 20;
    std::size_t redirects_max = 5;
    std::string ca_pem;           // trusted in addition to the system's; empty: system only
    std::string certificate_pem;  // shown to servers that ask; empty: none
    std::string key_pem;          // of the certificate

    // TLS 1.3 or nothing; http:// is INVALID_ARGUMENT, as it is with a pin.
    bool tls13_only = false;

    // When set, a server is believed when an authority among the certificates that it shows has
    // this SHA-256 (of its DER) and signed, by way of the others, a certificate for that host. No
    // other authority counts then: neither the system's nor `ca_pem`.
    std::optional<Digest> pinned_ca_sha256;

    // When set, a server is believed by its identity and not by its host: its certificate must come
    // from `ca_pem` alone and have this as its only URI (SPIFFE X509-SVID standard, section 5).
    std::string server_uri;
};

struct ClientRequest {
    std::string method = "GET";
    std::string url;  // http:// or https://
    Headers headers;
    Bytes body;

    // When set, a 2xx body is handed over in pieces instead of collected; an error stops the
    // transfer.
    std::function<Status(ByteView)> sink;

    // When set, the body is this many bytes, pulled in pieces from the source (empty: end) instead
    // of taken from `body`.
    std::uint64_t source_bytes = 0;
    std::function<Result<Bytes>()> source;

    // Called about ten times a second while the peer is waited for; an error ends the transfer and
    // is what send() answers. How a caller gives up: at a signal, at a deadline of its own.
    std::function<Status()> pulse;

    // When set, becomes true as soon as the server may have got any of the request, and false again
    // when it says that it did nothing with it: where it is false, a failed send() has changed
    // nothing there.
    bool* sent = nullptr;
};

class Client {
public:
    virtual ~Client() = default;
    static Result<std::unique_ptr<Client>> create(ClientOptions options);

    // Any status is an answer; errors are transport failures: UNAVAILABLE (refused, reset, name
    // unknown), DEADLINE_EXCEEDED, UNAUTHENTICATED (certificate), RESOURCE_EXHAUSTED (body too
    // large), FAILED_PRECONDITION (a redirect that must not be followed), INVALID_ARGUMENT (a URL
    // or header that cannot be sent). What sink and source say comes back as it is. A redirect
    // that would need a `source` a second time is an answer.
    virtual Result<Response> send(const ClientRequest& request) = 0;
};

}  // namespace hf::http
