// The bytes of one TCP connection, with TLS or without, as coroutines over plain buffers. They hide
// Asio's templates, which are slow to compile: each is instantiated once, in transport.cpp.
// Time-outs are tcp()'s and hold for either.
//
// Internal to this module. Owned by one connection or client; used on its event loop only. One read
// and one write may be under way at a time.

#pragma once

#include <span>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>

#include "base/bytes.h"

namespace hf::http {

struct IoResult {
    boost::system::error_code error;
    std::size_t bytes = 0;
};

class Transport final {
public:
    using ErrorCode = boost::system::error_code;
    using Addresses = boost::asio::ip::tcp::resolver::results_type;
    using Role = boost::asio::ssl::stream_base::handshake_type;

    // `tls` is null for plain connections, and outlives this.
    Transport(boost::beast::tcp_stream stream, boost::asio::ssl::context* tls);

    boost::beast::tcp_stream& tcp();

    // Null when plain.
    SSL* ssl();

    // To the first of the addresses that answers. The addresses outlive the call.
    boost::asio::awaitable<ErrorCode> connect(const Addresses& addresses);

    // REQUIRES: ssl() is not null.
    boost::asio::awaitable<ErrorCode> handshake(Role role);

    boost::asio::awaitable<IoResult> read_some(boost::asio::mutable_buffer space);

    // Writes all of the buffers, which are changed on the way: afterwards they mean nothing.
    boost::asio::awaitable<ErrorCode> write(std::span<boost::asio::const_buffer> buffers);

    // Says goodbye, then reads what the peer still sends, until it closes too or tcp()'s time is
    // up.
    boost::asio::awaitable<void> close();

private:
    using Secure = boost::asio::ssl::stream<boost::beast::tcp_stream>;
    using Stream = std::variant<boost::beast::tcp_stream, Secure>;

    boost::asio::awaitable<IoResult> read_tcp(boost::asio::mutable_buffer space);
    boost::asio::awaitable<IoResult> write_some(std::span<const boost::asio::const_buffer> buffers);
    boost::asio::const_buffer next_record(std::span<const boost::asio::const_buffer> buffers);

    Stream stream_;
    Bytes record_;  // small buffers to be sent as one TLS record
};

}  // namespace hf::http
