#include "http/transport.h"

#include <array>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Buffers = std::span<const asio::const_buffer>;
using Tcp = asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kRecordBytes = 16u << 10;  // the most that a TLS record holds
constexpr std::size_t kUnreadBytes = 4096;

// Takes `count` bytes from the front, and the empty buffers there.
void consume(std::span<asio::const_buffer>& buffers, std::size_t count) {
    while (!buffers.empty() && count >= buffers.front().size()) {
        count -= buffers.front().size();
        buffers = buffers.subspan(1);
    }
    if (count > 0) buffers.front() += count;
}

}  // namespace

Transport::Transport(beast::tcp_stream stream, asio::ssl::context* tls)
    : stream_(tls ? Stream(std::in_place_index<1>, std::move(stream), *tls)
                  : Stream(std::in_place_index<0>, std::move(stream))) {}

beast::tcp_stream& Transport::tcp() {
    Secure* const secure = std::get_if<1>(&stream_);
    return secure ? secure->next_layer() : std::get<0>(stream_);
}

SSL* Transport::ssl() {
    Secure* const secure = std::get_if<1>(&stream_);
    return secure ? secure->native_handle() : nullptr;
}

asio::awaitable<Transport::ErrorCode> Transport::connect(const Addresses& addresses) {
    auto [error, address] = co_await tcp().async_connect(addresses, kAwait);
    co_return error;
}

asio::awaitable<Transport::ErrorCode> Transport::handshake(Role role) {
    auto [error] = co_await std::get<1>(stream_).async_handshake(role, kAwait);
    co_return error;
}

asio::awaitable<IoResult> Transport::read_tcp(asio::mutable_buffer space) {
    auto [error, count] = co_await tcp().async_read_some(space, kAwait);
    co_return IoResult{error, count};
}

asio::awaitable<IoResult> Transport::read_some(asio::mutable_buffer space) {
    Secure* const secure = std::get_if<1>(&stream_);
    if (!secure) co_return co_await read_tcp(space);
    auto [error, count] = co_await secure->async_read_some(space, kAwait);
    co_return IoResult{error, count};
}

asio::awaitable<Transport::ErrorCode> Transport::write(std::span<asio::const_buffer> buffers) {
    for (consume(buffers, 0); !buffers.empty();) {
        const IoResult written = co_await write_some(buffers);
        if (written.error) co_return written.error;
        consume(buffers, written.bytes);
    }
    co_return ErrorCode();
}

asio::awaitable<IoResult> Transport::write_some(Buffers buffers) {
    Secure* const secure = std::get_if<1>(&stream_);
    if (!secure) {
        auto [error, count] = co_await tcp().async_write_some(buffers, kAwait);
        co_return IoResult{error, count};
    }
    const asio::const_buffer record = next_record(buffers);
    auto [error, count] = co_await secure->async_write_some(record, kAwait);
    co_return IoResult{error, count};
}

asio::const_buffer Transport::next_record(Buffers buffers) {
    if (buffers.size() == 1 || buffers.front().size() >= kRecordBytes) return buffers.front();
    record_.resize(kRecordBytes);
    const auto space = asio::buffer(record_);
    const std::size_t size = asio::buffer_copy(space, buffers);
    return asio::buffer(record_, size);
}

asio::awaitable<void> Transport::close() {
    if (Secure* const secure = std::get_if<1>(&stream_)) co_await secure->async_shutdown(kAwait);
    ErrorCode ignored;
    tcp().socket().shutdown(Tcp::socket::shutdown_send, ignored);
    std::array<std::uint8_t, kUnreadBytes> unread;
    const auto space = asio::buffer(unread);
    for (bool open = true; open;) {
        const IoResult came = co_await read_tcp(space);
        open = !came.error;
    }
}

}  // namespace hf::http
