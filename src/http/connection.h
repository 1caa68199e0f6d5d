// One connection of a server, from its TLS handshake to its end: reads requests one after the
// other, has them answered, sends answers and streams.
//
// Internal to this module. Every function runs on the event loop's thread. Shared by the server's
// list and the connection's own coroutines.

#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "http/message.h"
#include "http/server.h"
#include "http/stream_signal.h"
#include "http/turns.h"

namespace hf::http {

// Handshakes that are computed at a time. When thousands of clients come at once the first are done
// while the others wait, instead of all being late and coming again.
inline constexpr std::size_t kHandshakesAtOnce = 256;

// How long a client whose handshake takes longer keeps the others waiting.
inline constexpr Duration kHandshakeTurn = std::chrono::seconds(1);

// What is read at a time.
inline constexpr std::size_t kScratchBytes = 64u << 10;

class Connection;

// One request while it is answered: what whoever answers says, for the loop.
struct Pending {
    explicit Pending(boost::asio::io_context& loop)
        : signal(std::make_shared<StreamSignal>(loop)) {}

    std::shared_ptr<StreamSignal> signal;
    Response response;  // of whoever answers until `there`
    std::atomic<bool> there{false};
};

// What the connections of one server share; outlives them.
class ConnectionHost {
public:
    virtual ~ConnectionHost() = default;
    virtual boost::asio::io_context& loop() = 0;
    virtual const Limits& limits() const = 0;
    virtual boost::asio::ssl::context* tls() = 0;  // null: plain
    virtual Turns& handshakes() = 0;

    // Once true it stays so: requests are answered with Connection: close, streams end.
    virtual bool draining() const = 0;

    virtual const Http2* http2() const = 0;  // null: not spoken
    virtual const Rephrase& rephrase() const = 0;
    virtual bool is_duplex(const Request& request) const = 0;

    // Those that wait for an answer and would not notice that their clients have gone.
    virtual std::list<Connection*>& asking() = 0;

    // Where bytes may be read to that are used at once: one for all connections.
    virtual std::span<std::uint8_t> scratch() = 0;

    // Begins to answer: at once, where that is quick, else away from the loop. Then take() what is
    // there, or wait for it.
    virtual std::shared_ptr<Pending> begin(Request request) = 0;
    virtual Response take(Pending& pending) = 0;  // REQUIRES: it is there
    virtual boost::asio::awaitable<Response> wait(std::shared_ptr<Pending> pending) = 0;

    // The two together; and how an answer to what still comes begins, and
    // goes on. The duplex outlives the call.
    virtual boost::asio::awaitable<Response> answer(Request request) = 0;
    virtual boost::asio::awaitable<Opening> open(Request request) = 0;
    virtual boost::asio::awaitable<Duplex::Step> step(Duplex& duplex, Bytes came, bool ended) = 0;
};

class Connection {
public:
    virtual ~Connection() = default;

    static std::shared_ptr<Connection> create(boost::asio::ip::tcp::socket socket,
                                              ConnectionHost& host);

    // To the connection's end.
    virtual boost::asio::awaitable<void> serve() = 0;

    // Ends the stream being sent, after what it has.
    virtual void end_stream() = 0;

    // Closes the connection unless a request is being read or answered.
    virtual void close_if_idle() = 0;

    // How long it has waited for its client, for a request or the rest of one; nullopt when it is
    // the client who waits.
    virtual std::optional<Duration> kept_waiting() const = 0;

    virtual void cut() = 0;  // at once

    // Gives up the request that is being answered if its client has closed. REQUIRES: it is among
    // ConnectionHost::asking().
    virtual void look_after_client() = 0;

    // Cuts the tie to the stream's wake function and gives up what handlers still work at, once the
    // loop has ended.
    virtual void abandon() = 0;
};

}  // namespace hf::http
