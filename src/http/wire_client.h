// A client for judges of servers: it sends bytes as they are, whether they are HTTP or not, and
// tells what came of them. A proper client (client.h) cannot send what a server must refuse.
//
// Not thread-safe: one a thread. What a server does is never an error here but a WireAnswer; an
// error is a connection that cannot be made (as Client::send() says), or what the pulse said.

#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "http/client.h"

namespace hf::http {

// Some bytes, and one answer to wait for.
struct WireTurn {
    std::string bytes;             // none: only what the server does is waited for
    bool fresh = false;            // on a connection of its own; the first turn always is
    bool ends = false;             // after the bytes, it is said that no more come
    bool for_head = false;         // the answer has no body, whatever its header says
    bool takes_interim = false;    // an interim answer (100 Continue) ends the turn too
    bool unless_answered = false;  // left out when the turn before had a final answer
};

struct WireAnswer {
    enum class What : unsigned char {
        kAnswered,
        kInterim,    // a status below 200, and its header
        kClosed,     // the server closed the connection, before the answer's end
        kTimedOut,   // ... or said nothing for ClientOptions::read_timeout
        kMalformed,  // what came is no HTTP, or larger than ClientOptions::body_bytes_max
        kLeftOut,    // by WireTurn::unless_answered
    };
    What what = What::kLeftOut;
    Response response;
    int minor_version = 1;    // of HTTP/1.x
    bool keeps_open = false;  // by its header, the server goes on
    std::string trouble;      // in words, unless answered

    bool answered() const { return what == What::kAnswered; }
};

class WireClient {
public:
    virtual ~WireClient() = default;

    // INVALID_ARGUMENT for options that cannot be used. Redirects are not followed.
    static Result<std::unique_ptr<WireClient>> create(ClientOptions options);

    // One answer a turn. Turns after the connection's end have it too: kClosed. `origin` is a URL,
    // of which only scheme, host and port count; `pulse` as in ClientRequest.
    virtual Result<std::vector<WireAnswer>> exchange(const std::string& origin,
                                                     std::span<const WireTurn> turns,
                                                     const std::function<Status()>& pulse = {}) = 0;
};

}  // namespace hf::http
