// An HTTP/1.1 server: routes, bounded bodies, keep-alive, streamed answers, graceful drain; TLS
// when given a certificate. Over Boost.Beast; no Boost type shows here.
//
// Threads: one named event loop thread owns all sockets; handlers run on a bounded pool of named
// worker threads, so they may block for a while. When the pool's queue is full the server answers
// 503 itself. Responder and Stream may be used from any thread.

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "http/message.h"

namespace hf::http {

// A chunked answer under way. write() copies and queues; it answers UNAVAILABLE once the client is
// gone or when more than Limits::stream_queue_bytes wait (the stream is then closed: slow readers
// list again).
class Stream {
public:
    virtual ~Stream() = default;
    virtual Status write(std::string_view chunk) = 0;
    virtual void close() = 0;  // idempotent; the destructor closes
    virtual bool is_open() const = 0;
};

// The right to answer one request, exactly once. Dropped without an answer, it answers 500.
class Responder {
public:
    virtual ~Responder() = default;
    virtual void send(Response response) = 0;

    // Sends status and headers now; the body follows through the stream.
    virtual std::shared_ptr<Stream> stream(Response head) = 0;
};

using Handler = std::function<void(const Request& request, std::unique_ptr<Responder> responder)>;

// Runs before routing, on the worker; returns a response to stop there (authentication), or
// nullopt.
using Filter = std::function<std::optional<Response>(const Request& request)>;

class Router final {
public:
    // Pattern: "/v2/models/{name}/infer"; a part in braces matches one path part, "{rest...}" at
    // the end matches all that is left (may be empty). Literal parts win over parameters. An
    // unknown path answers 404, a known path with another method 405 with Allow; HEAD is served by
    // GET.
    void add(std::string_view method, std::string_view pattern, Handler handler);

    struct Match {
        const Handler* handler = nullptr;  // null: `allow` tells 404 (empty) from 405
        std::vector<std::pair<std::string, std::string>> parameters;
        std::vector<std::string> allow;
    };
    Match match(std::string_view method, std::string_view path) const;

private:
    struct Route {
        std::string method;
        std::vector<std::string> parts;
        Handler handler;
    };
    std::vector<Route> routes_;
};

struct Limits {
    std::size_t header_bytes = 64u << 10;
    std::size_t body_bytes = 64u << 20;
    std::size_t connections = 1024;
    std::size_t queued_requests = 256;
    std::size_t stream_queue_bytes = 4u << 20;
    Duration idle_timeout = std::chrono::seconds(75);
    Duration header_timeout = std::chrono::seconds(10);
    Duration body_timeout = std::chrono::seconds(60);
};

struct ServerOptions {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;  // 0: the system chooses
    std::size_t workers = 4;
    Limits limits;
    std::string certificate_pem;  // both empty: plain HTTP
    std::string private_key_pem;
    std::vector<Filter> filters;
};

class Server {
public:
    virtual ~Server() = default;  // stops at once

    // Binds, listens and starts its threads. UNAVAILABLE names the address when it is taken.
    static Result<std::unique_ptr<Server>> start(ServerOptions options, Router router);

    virtual std::uint16_t port() const = 0;

    // Stops accepting, answers what is in flight with Connection: close, ends streams; returns when
    // all connections have ended or after `grace`. True when none had to be cut.
    virtual bool drain(Duration grace) = 0;
};

}  // namespace hf::http
