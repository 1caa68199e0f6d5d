// An HTTP server: routes, bounded bodies, keep-alive, streams, TLS, graceful drain. HTTP/1.1 by
// a reader of our own over Boost.Asio, of which no type shows here; HTTP/2 where the program wants
// it (http2.h), on the same port. Without TLS it is for loopback addresses only, and start()
// refuses others.
//
// Threads: one event loop thread ("hf-http-loop") owns all sockets; handlers run on worker threads
// ("hf-http-N"), so they may compute for a while, but for those that are known to be quick. More
// than Limits::queued_requests at a time are answered 503 with Retry-After.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "http/duplex.h"
#include "http/message.h"
#include "http/observation.h"
#include "http/reply.h"

namespace hf::http {

class Http2;  // http2.h

// Called on any worker thread, by several at a time. Must not throw.
using Handler = std::function<Response(const Request& request)>;

// Asked before every handler, once the path is decoded; a response is the answer then.
using Gate = std::function<std::optional<Response>(const Request& request)>;

// Asked on the event loop: whether the handler of this request takes so little, a few dozen
// microseconds at the most, that it had better run there than change threads twice. The target is
// as it was sent. By requests that are answered while they come it is not asked.
using Quick = std::function<bool(const Request& request)>;

class Router final {
public:
    // Pattern: "/v2/models/{name}/infer"; a part in braces matches one path part, and "{name...}",
    // which may only come last, any number of parts, none included; its value has "/" between
    // them. Literal parts win over parameters, one part over any number. HEAD is served by GET.
    void add(std::string_view method, std::string_view pattern, Handler handler);

    // The same for what is answered later than the handler returns.
    void add_deferred(std::string_view method, std::string_view pattern, DeferredHandler handler);

    // POST to this path is answered while it comes, by HTTP/2; 505 by HTTP/1.1. No braces here.
    void add_duplex(std::string_view path, DuplexHandler handler);

    // Whether a request is for one of those, by what its target looks like undecoded.
    bool is_duplex(std::string_view method, std::string_view target) const;

    struct Match {
        // At most one of the three; with none, `allow` tells 404 (empty) from 405.
        const Handler* handler = nullptr;
        const DeferredHandler* deferred = nullptr;
        const DuplexHandler* duplex = nullptr;
        std::vector<std::pair<std::string, std::string>> parameters;
        std::vector<std::string> allow;
        std::string_view pattern;  // as add() got it; valid as long as the router
    };
    Match match(std::string_view method, std::string_view path) const;

private:
    struct Route {
        std::string method;
        std::string pattern;
        std::vector<std::string> parts;
        Handler handler;  // one of the three
        DeferredHandler deferred;
        DuplexHandler duplex;
    };
    std::vector<std::string> methods_at(const std::vector<std::string_view>& parts) const;

    std::vector<Route> routes_;
    std::vector<std::vector<std::size_t>> of_size_;  // routes by the number of their parts
    std::vector<std::size_t> of_any_size_;           // those that end in "{rest...}"
    std::vector<std::string> duplex_paths_;
};

// What happens at each bound: 431, 413, and 503 for the first, second and fourth; for a connection
// too many the one is closed that has kept the server waiting longest, for a request or the rest of
// one, or itself where none has for `room_after`; one that takes too long is closed, too. A stream
// of HTTP/2 too many is refused, one that takes too long is reset.
struct Limits {
    std::size_t header_bytes = 64u << 10;
    std::size_t body_bytes = 64u << 20;
    std::size_t connections = 1024;
    Duration room_after = std::chrono::seconds(1);
    std::size_t queued_requests = 256;
    std::size_t streams = 128;  // requests of one connection of HTTP/2 at a time
    Duration handshake_timeout = std::chrono::seconds(10);
    Duration idle_timeout = std::chrono::seconds(75);

    // To receive one request, to send one answer, to send one piece of a stream.
    Duration request_timeout = std::chrono::seconds(60);

    // How long drain() lets idle connections send one more request, which may be under way.
    Duration last_call = std::chrono::milliseconds(500);
};

// TLS 1.2 and 1.3. With `client_ca_pem`, a client may show a certificate; one that does not verify
// ends the handshake, and what a good one says is in Request::client_name and the fields after it.
struct Tls {
    std::string certificate_pem;  // the leaf first, then its chain, all of which is sent
    std::string key_pem;
    std::string client_ca_pem;
    bool tls13_only = false;

    // A client certificate that is good but for its end is let through, for handlers that tell its
    // holder what to do. All of them must then compare Request::client_not_after.
    bool admit_expired_clients = false;
};

// How a refusal of the server's own (404, 413, 503, ...) is said to a client that speaks another
// protocol over HTTP/2, by the Content-Type of its request.
using Rephrase = std::function<Response(std::string_view content_type, Response refusal)>;

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the system chooses

    // One that listens already, on that address and port: it is used, and stays its owner's, who
    // may close it once the server has started (hand_over.h).
    std::optional<int> listener;

    std::size_t workers = 4;
    Limits limits;
    std::optional<Tls> tls;

    Gate gate;                     // null: none
    Quick quick;                   // null: every handler runs on a worker
    const Http2* http2 = nullptr;  // null: HTTP/1.1 only; &http2() (http2.h): both
    Rephrase rephrase;             // null: as it is
    Observe observe;               // null: nobody is told of requests
};

class Server {
public:
    virtual ~Server() = default;  // stops at once

    // Binds, listens and starts its threads. UNAVAILABLE names the address when it is taken.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, Router router);

    virtual std::uint16_t port() const = 0;

    // The socket that it listens on, until drain().
    virtual int listener() const = 0;

    // New connections are made with these from now on; those that are open stay as they are.
    // INVALID_ARGUMENT leaves all as it was. REQUIRES: the server has TLS.
    virtual Status renew_tls(const Tls& tls) = 0;

    // Stops accepting, ends streams and answers what is in flight with Connection: close; returns
    // when all connections have ended or after `grace`. True when none had to be cut.
    virtual bool drain(Duration grace) = 0;
};

// What the server does before and after a handler, as a function: percent-decodes and checks the
// path, finds the route, calls the handler, and answers 400, 404 and 405 itself.
// `gate` as in ServerOptions.
void dispatch(const Router& router, Request request, const Gate& gate, const Reply& reply);

// The same; waits for the answer.
Response dispatch(const Router& router, Request request, const Gate& gate = nullptr);

// The same for a request that is answered while it comes.
Opening open_duplex(const Router& router, Request request, const Gate& gate = nullptr);

}  // namespace hf::http
