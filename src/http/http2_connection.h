// One connection that speaks HTTP/2: moves bytes between a transport and a session
// (http2_session.h), has requests answered, and sends answers and streams.
//
// Internal to this module. Every function runs on the event loop's thread. Shared by the connection
// that it began as and its own coroutines.

#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/bytes.h"
#include "http/message.h"

namespace hf::http {

class ConnectionHost;
class Transport;

// What a connection has learnt before it was known to speak HTTP/2.
struct Http2Start {
    Bytes begun;     // what the client has sent
    Request sender;  // who it is
};

class Http2Connection {
public:
    virtual ~Http2Connection() = default;

    // To the connection's end.
    virtual boost::asio::awaitable<void> serve() = 0;

    // Tells the client to go elsewhere with new requests; streams end after what they have.
    virtual void drain() = 0;

    // No request that has not come yet is answered any more; closes the connection once none is
    // under way.
    virtual void close_if_idle() = 0;

    // As of Connection: nullopt while a request is answered.
    virtual std::optional<Duration> kept_waiting() const = 0;
    virtual void cut() = 0;

    // Cuts the tie to the streams' wake functions, once the loop has ended.
    virtual void abandon() = 0;
};

}  // namespace hf::http
