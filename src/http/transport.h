// The bytes of one TCP connection, with TLS or without, as coroutines over plain buffers. OpenSSL
// reads and writes the socket itself (socket_bio.h): an idle connection holds no buffers.
//
// Internal to this module. Owned by one connection or client; used on its event loop only. One read
// and one write may be under way at a time.

#pragma once

#include <memory>
#include <span>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream_base.hpp>

#include "base/bytes.h"
#include "base/time.h"

namespace hf::http {

struct IoResult {
    boost::system::error_code error;
    std::size_t bytes = 0;
};

class Transport final {
    enum class Direction : unsigned char { kIn, kOut };

public:
    using ErrorCode = boost::system::error_code;
    using Socket = boost::asio::ip::tcp::socket;
    using Addresses = boost::asio::ip::tcp::resolver::results_type;
    using Role = boost::asio::ssl::stream_base::handshake_type;

    // `tls` is null for plain connections, and outlives this.
    Transport(Socket socket, boost::asio::ssl::context* tls);
    Transport(Transport&& other) noexcept;
    ~Transport();

    Socket& socket();

    // Null when plain.
    SSL* ssl();

    // Until when what is under way or started later must be done; else it ends with
    // beast::error::timeout, and the connection too.
    void expires_after(Duration duration);
    void expires_never();

    // Ends the connection at once, and what is under way with an error.
    void cut();

    // To the first of the addresses that answers. The addresses outlive the call.
    boost::asio::awaitable<ErrorCode> connect(const Addresses& addresses);

    // REQUIRES: ssl() is not null.
    boost::asio::awaitable<ErrorCode> handshake(Role role);

    // Until read_some() has something, which may be the end: for whoever waits long, without space
    // to read into.
    boost::asio::awaitable<ErrorCode> wait_readable();

    boost::asio::awaitable<IoResult> read_some(boost::asio::mutable_buffer space);

    // Reads or writes what goes at once. asio::error::would_block: nothing did, and wait_ready()
    // comes back when it is worth another try, with the same bytes. REQUIRES: the caller gives the
    // other connections of the loop their turn.
    IoResult try_read(boost::asio::mutable_buffer space);
    IoResult try_write(std::span<const boost::asio::const_buffer> buffers);
    boost::asio::awaitable<ErrorCode> wait_ready();

    // For a loop that runs as long as its program: a timer that is no longer needed is left to run
    // out instead of being stopped, which would cost each request a call of the system.
    void let_timers_run();

    // Writes all of the buffers, which are changed on the way: afterwards they mean nothing.
    boost::asio::awaitable<ErrorCode> write(std::span<boost::asio::const_buffer> buffers);

    // Says that nothing more comes. While a read is under way, too.
    boost::asio::awaitable<void> say_goodbye();

    // Says goodbye, then reads what the peer still sends, until it closes too or the time is up.
    boost::asio::awaitable<void> close();

private:
    struct Wire;

    boost::asio::awaitable<ErrorCode> wait(Direction direction);
    boost::asio::awaitable<ErrorCode> take_turn(Direction direction);
    IoResult tried(int result, std::size_t count);
    boost::asio::awaitable<ErrorCode> settle(int result);
    boost::asio::awaitable<IoResult> read_wire(boost::asio::mutable_buffer space);

    std::shared_ptr<Wire> wire_;  // whom a timer that is late finds gone
};

}  // namespace hf::http
