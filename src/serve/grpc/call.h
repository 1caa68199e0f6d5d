// gRPC's calls over the router's handlers: a call with one message and one answer, and one with a
// stream of each. Around what a method does, all that the protocol asks is done here: the content
// type, compression, the number of messages, the deadline, the status.
//
// Thread-safety: from any thread; the messages of one stream are dealt with one after the other.

#pragma once

#include <functional>
#include <memory>

#include "env/clock.h"
#include "http/server.h"
#include "serve/grpc/wire.h"

namespace hf::serve::grpc {

// One message of a client, and who waits for what becomes of it.
struct Call {
    const http::Request& request;  // its header
    ByteView message;
    const env::Clock& clock;
    Duration deadline;  // of the clock's monotonic time; max(): none

    // CANCELLED or DEADLINE_EXCEEDED when nobody waits any more.
    Status check() const;
};

struct Reply {
    Bytes message;
    http::Headers metadata = {};  // of a call with one answer; sent before it

    // Of a deferred call, or in a stream: not OK is its status, in place of a message, and says
    // when to ask again (grpc-retry-pushback-ms; gRFC A6).
    Status refused = {};
    Duration retry_after = {};
};

using Method = std::function<Result<Reply>(const Call& call)>;

// Answers once, from any thread, before or after it returns; the call lives as long as the method
// keeps it.
using Answered = std::function<void(Result<Reply> reply)>;
using DeferredMethod =
    std::function<void(const std::shared_ptr<const Call>& call, const Answered& answered)>;

struct CallOptions {
    const env::Clock& clock;  // outlives the server
    std::size_t message_bytes_max;
};

// POST to "/package.Service/Method". An error of the method is the call's status, and ends a
// stream, which has its messages answered one after the other.
void add_unary(http::Router& router, std::string_view path, const CallOptions& options,
               Method method);
void add_deferred(http::Router& router, std::string_view path, const CallOptions& options,
                  DeferredMethod method);
void add_stream(http::Router& router, std::string_view path, const CallOptions& options,
                DeferredMethod method);

// The server's own refusals as clients of gRPC read them (http::ServerOptions).
http::Response rephrase(std::string_view content_type, http::Response refusal);

}  // namespace hf::serve::grpc
