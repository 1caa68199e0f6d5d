// Observation: one request in the eyes of whoever accounts for requests, in a log or a trace. The
// server makes one when a worker takes the request up (ServerOptions::observe), or when it refuses
// a request because too many wait; what the server refuses while it reads (400, 413, 431) has none.
//
// Shared by the request and its copies: it ends when the last of them goes, which for an exchange
// that is answered while it comes (duplex.h) is the end of that. All is called on one thread at
// a time, as those that work at the request change; the destructor on any.

#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "http/message.h"

namespace hf::http {

class Observation {
public:
    virtual ~Observation() = default;

    // Which route the request has taken, as Router::add() got its pattern. Not called for a request
    // that the gate refuses or that no route matches.
    virtual void routed(std::string_view pattern) = 0;

    // What the answer is, or how it begins, before it is sent.
    virtual void answered(const Response& response) = 0;
};

// May change the headers, which gate and handler then see so. Null: it is not observed.
using Observe = std::function<std::shared_ptr<Observation>(Request& request)>;

}  // namespace hf::http
