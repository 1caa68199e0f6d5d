// Duplex: an answer that is given while its request still comes, step by step: what gRPC calls
// streaming. Between two steps no thread is held, and no step is taken before what the last one
// said has gone out, so that a client which does not read is not read from either.
//
// Owned by the connection. Steps run on worker threads, one after the other; stop() and the
// destructor on any thread, but never during a step, unless the server ends. Destroyed as soon as
// the exchange has ended or the client has gone. Must not throw.

#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "base/bytes.h"
#include "http/message.h"

namespace hf::http {

class Duplex {
public:
    virtual ~Duplex() = default;

    struct Step {
        Bytes send;
        std::size_t kept = 0;             // bytes of the request that it holds for a later step
        bool again = false;               // there is more to do with those, although nothing came
        std::optional<Headers> trailers;  // set: that was the end
    };

    // With what came since the last step, which is there until take() returns; `ended`: nothing
    // more will. Tells once what the step is, on any thread: before it returns, or when that is
    // known. A step that nobody tells never ends.
    using Told = std::function<void(Step step)>;
    virtual void take(ByteView came, bool ended, Told told) = 0;

    // The trailers of an exchange that has nothing under way when the server drains.
    virtual Headers stop() = 0;
};

struct Opening {
    Response head;  // status and headers count; all of it where `duplex` is null
    std::unique_ptr<Duplex> duplex;
};

// Called on a worker once the header is there; the request has no body. Must not throw.
using DuplexHandler = std::function<Opening(const Request& request)>;

}  // namespace hf::http
