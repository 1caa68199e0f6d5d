// The bytes of one TCP connection, with TLS or without, as one type that Beast's algorithms take:
// they are compiled once for both. Time-outs are tcp()'s and hold for either.
//
// Internal to this module. Owned by one connection or client; used on its event loop only.

#pragma once

#include <utility>
#include <variant>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core/stream_traits.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>

namespace hf::http {

// Not final: Asio derives from it to see whether it is an executor.
class Transport {
public:
    using executor_type = boost::beast::tcp_stream::executor_type;

    // `tls` is null for plain connections, and outlives this.
    Transport(boost::beast::tcp_stream stream, boost::asio::ssl::context* tls)
        : stream_(tls ? Stream(std::in_place_index<1>, std::move(stream), *tls)
                      : Stream(std::in_place_index<0>, std::move(stream))) {}

    executor_type get_executor() { return tcp().get_executor(); }

    boost::beast::tcp_stream& tcp() {
        Secure* secure = std::get_if<1>(&stream_);
        return secure ? secure->next_layer() : std::get<0>(stream_);
    }

    // Null when plain.
    SSL* ssl() {
        Secure* secure = std::get_if<1>(&stream_);
        return secure ? secure->native_handle() : nullptr;
    }

    // REQUIRES: ssl() is not null.
    template <typename Token>
    auto async_handshake(boost::asio::ssl::stream_base::handshake_type type, Token&& token) {
        return std::get<1>(stream_).async_handshake(type, std::forward<Token>(token));
    }
    template <typename Token>
    auto async_shutdown(Token&& token) {
        return std::get<1>(stream_).async_shutdown(std::forward<Token>(token));
    }

    template <typename Buffers, typename Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        if (Secure* secure = std::get_if<1>(&stream_)) {
            return secure->async_read_some(buffers, std::forward<Token>(token));
        }
        return std::get<0>(stream_).async_read_some(buffers, std::forward<Token>(token));
    }

    template <typename Buffers, typename Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        if (Secure* secure = std::get_if<1>(&stream_)) {
            return secure->async_write_some(buffers, std::forward<Token>(token));
        }
        return std::get<0>(stream_).async_write_some(buffers, std::forward<Token>(token));
    }

private:
    using Secure = boost::beast::ssl_stream<boost::beast::tcp_stream>;
    using Stream = std::variant<boost::beast::tcp_stream, Secure>;
    Stream stream_;
};

}  // namespace hf::http
