#include "http/transport.h"

#include <functional>
#include <optional>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Buffers = std::span<const asio::const_buffer>;
using Done = std::function<void(Transport::ErrorCode, std::size_t)>;
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

// What the TLS layer, or a plain connection, reads from and writes to: a tcp_stream that knows one
// type of buffers and one of completion handlers. Each of the TLS layer's operations would else
// bring its own copy of the stream's.
class Transport::Wire final {
public:
    using executor_type = beast::tcp_stream::executor_type;
    using lowest_layer_type = Wire;

    explicit Wire(Socket socket) : tcp(std::move(socket)) {}

    executor_type get_executor() { return tcp.get_executor(); }
    Wire& lowest_layer() { return *this; }

    template <typename Token>
    auto async_read_some(asio::mutable_buffer space, Token&& token) {
        const auto start = [this, space](auto handler) {
            tcp.async_read_some(space, to_done(std::move(handler)));
        };
        return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(start, token);
    }

    template <typename Token>
    auto async_write_some(Buffers buffers, Token&& token) {
        const auto start = [this, buffers](auto handler) {
            tcp.async_write_some(buffers, to_done(std::move(handler)));
        };
        return asio::async_initiate<Token, void(ErrorCode, std::size_t)>(start, token);
    }

    template <typename Token>
    auto async_write_some(asio::const_buffer buffer, Token&& token) {
        output_ = buffer;
        return async_write_some(Buffers(&output_, 1), std::forward<Token>(token));
    }

    beast::tcp_stream tcp;

private:
    // Handlers can be moved only, functions are copied.
    template <typename Handler>
    static Done to_done(Handler handler) {
        return [shared = std::make_shared<Handler>(std::move(handler))](
                   const ErrorCode& error, std::size_t count) { (*shared)(error, count); };
    }

    asio::const_buffer output_;  // what the TLS layer writes; it has one write under way at a time
};

struct Transport::Streams {
    Streams(Socket socket, asio::ssl::context* context) : wire(std::move(socket)) {
        if (context) tls.emplace(wire, *context);
    }

    Wire wire;
    std::optional<asio::ssl::stream<Wire&>> tls;
};

Transport::Transport(Socket socket, asio::ssl::context* tls)
    : streams_(std::make_unique<Streams>(std::move(socket), tls)) {}

Transport::Transport(Transport&& other) noexcept = default;
Transport::~Transport() = default;

Transport::Socket& Transport::socket() {
    return streams_->wire.tcp.socket();
}

SSL* Transport::ssl() {
    return streams_->tls ? streams_->tls->native_handle() : nullptr;
}

void Transport::expires_after(Duration duration) {
    streams_->wire.tcp.expires_after(duration);
}

void Transport::expires_never() {
    streams_->wire.tcp.expires_never();
}

void Transport::cut() {
    streams_->wire.tcp.close();
}

asio::awaitable<Transport::ErrorCode> Transport::connect(const Addresses& addresses) {
    auto [error, address] = co_await streams_->wire.tcp.async_connect(addresses, kAwait);
    co_return error;
}

asio::awaitable<Transport::ErrorCode> Transport::handshake(Role role) {
    auto [error] = co_await streams_->tls->async_handshake(role, kAwait);
    co_return error;
}

asio::awaitable<IoResult> Transport::read_wire(asio::mutable_buffer space) {
    auto [error, count] = co_await streams_->wire.async_read_some(space, kAwait);
    co_return IoResult{error, count};
}

asio::awaitable<IoResult> Transport::read_some(asio::mutable_buffer space) {
    if (!streams_->tls) co_return co_await read_wire(space);
    auto [error, count] = co_await streams_->tls->async_read_some(space, kAwait);
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
    if (!streams_->tls) {
        auto [error, count] = co_await streams_->wire.async_write_some(buffers, kAwait);
        co_return IoResult{error, count};
    }
    const asio::const_buffer record = next_record(buffers);
    auto [error, count] = co_await streams_->tls->async_write_some(record, kAwait);
    co_return IoResult{error, count};
}

// Small buffers go together: each record is a packet of its own and costs its own tag.
asio::const_buffer Transport::next_record(Buffers buffers) {
    if (buffers.size() == 1 || buffers.front().size() >= kRecordBytes) return buffers.front();
    record_.resize(kRecordBytes);
    const auto space = asio::buffer(record_);
    const std::size_t size = asio::buffer_copy(space, buffers);
    return asio::buffer(record_, size);
}

asio::awaitable<void> Transport::close() {
    if (streams_->tls) co_await streams_->tls->async_shutdown(kAwait);
    ErrorCode ignored;
    socket().shutdown(Tcp::socket::shutdown_send, ignored);
    Bytes unread(kUnreadBytes);
    const auto space = asio::buffer(unread);
    for (bool open = true; open;) {
        const IoResult came = co_await read_wire(space);
        open = !came.error;
    }
}

}  // namespace hf::http
