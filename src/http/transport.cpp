#include "http/transport.h"

#include <limits>
#include <utility>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/error.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "http/socket_bio.h"

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using Buffers = std::span<const asio::const_buffer>;
using ErrorCode = Transport::ErrorCode;
using Tcp = asio::ip::tcp;
using WaitType = Tcp::socket::wait_type;
using Clock = asio::steady_timer::clock_type;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kRecordBytes = 16u << 10;  // the most that a TLS record holds
constexpr std::size_t kUnreadBytes = 4096;

// After so many reads and writes in a row that had not to wait, the other connections of the loop
// have their turn.
constexpr unsigned kInARowMax = 16;

// Takes `count` bytes from the front, and the empty buffers there.
void consume(std::span<asio::const_buffer>& buffers, std::size_t count) {
    while (!buffers.empty() && count >= buffers.front().size()) {
        count -= buffers.front().size();
        buffers = buffers.subspan(1);
    }
    if (count > 0) buffers.front() += count;
}

// Small buffers go together: each record is a packet of its own and costs its own tag. What is put
// together lies in `record`.
asio::const_buffer next_record(Buffers buffers, Bytes& record) {
    if (buffers.size() == 1 || buffers.front().size() >= kRecordBytes) return buffers.front();
    record.resize(std::min(asio::buffer_size(buffers), kRecordBytes));
    const auto space = asio::buffer(record);
    const std::size_t size = asio::buffer_copy(space, buffers);
    return asio::buffer(record, size);
}

}  // namespace

// The socket, what TLS needs besides, and until when reading and writing must be done.
struct Transport::Wire : std::enable_shared_from_this<Transport::Wire> {
    struct Side {
        explicit Side(const Tcp::socket::executor_type& executor) : timer(executor) {}

        asio::steady_timer timer;  // runs while something is under way, or longer
        Clock::time_point deadline = Clock::time_point::max();
        Clock::time_point rings = Clock::time_point::max();  // when the timer ends; max: it rests
        bool waits = false;
    };
    struct Free {
        void operator()(SSL* ssl) const { SSL_free(ssl); }
    };

    Wire(Socket from, asio::ssl::context* context)
        : socket(std::move(from)), reading(socket.get_executor()), writing(socket.get_executor()) {
        if (!context) return;
        ssl.reset(SSL_new(context->native_handle()));
        HF_CHECK(ssl, "OpenSSL has no memory for a connection");
        SSL_set_mode(ssl.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
        SSL_set_read_ahead(ssl.get(), 1);  // a record's head and body by one call of the system
        BIO* const bio = new_socket_bio(link);
        SSL_set_bio(ssl.get(), bio, bio);
    }

    Side& side_of(WaitType type) { return type == WaitType::wait_read ? reading : writing; }

    void cut() {
        ErrorCode ignored;
        socket.close(ignored);
    }

    void set_deadline(Clock::time_point deadline) {
        for (Side* side : {&reading, &writing}) {
            if (!side->waits) side->deadline = deadline;
        }
    }

    bool is_late(const Side& side) {
        if (side.deadline == Clock::time_point::max()) return false;
        timed_out = timed_out || side.deadline <= Clock::now();
        return timed_out;
    }

    // What is under way ends, with the connection, when its time is up.
    void begin(Side& side) {
        side.waits = true;
        if (side.deadline < side.rings) set_timer(side);
    }

    // A timer that rings too early looks when it is time.
    void set_timer(Side& side) {
        side.rings = side.deadline;
        side.timer.expires_at(side.rings);
        side.timer.async_wait([weak = weak_from_this(), at = &side](const ErrorCode& cancelled) {
            const std::shared_ptr<Wire> wire = weak.lock();
            if (cancelled || !wire) return;
            at->rings = Clock::time_point::max();
            if (!at->waits || at->deadline == Clock::time_point::max()) return;
            wire->is_late(*at) ? wire->cut() : wire->set_timer(*at);
        });
    }

    ErrorCode end(Side& side, const ErrorCode& error) {
        side.waits = false;
        if (!timers_run && side.rings != Clock::time_point::max()) {
            side.rings = Clock::time_point::max();
            side.timer.cancel();
        }
        return said(error);
    }

    // Where its time was up, that is what went wrong.
    ErrorCode said(const ErrorCode& error) const {
        return timed_out ? ErrorCode(beast::error::timeout) : error;
    }

    // What ended a call of OpenSSL that must not be made again.
    ErrorCode failure_of(int ssl_error) const {
        switch (ssl_error) {
            case SSL_ERROR_ZERO_RETURN: return asio::error::eof;
            case SSL_ERROR_SYSCALL:
                return said(link.error ? link.error
                                       : ErrorCode(asio::ssl::error::stream_truncated));
            default: break;
        }
        const unsigned long code = ERR_get_error();
        if (code == 0) return said(asio::ssl::error::unexpected_result);
        if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
            return said(asio::ssl::error::stream_truncated);
        }
        return said({static_cast<int>(code), asio::error::get_ssl_category()});
    }

    Socket socket;
    SocketLink link{socket, {}, false};
    std::unique_ptr<SSL, Free> ssl;  // null when plain
    Side reading;
    Side writing;
    bool timed_out = false;
    bool timers_run = false;
    Direction wanted = Direction::kIn;  // by the last try that did nothing
    unsigned in_a_row = 0;
};

Transport::Transport(Socket socket, asio::ssl::context* tls)
    : wire_(std::make_shared<Wire>(std::move(socket), tls)) {}

Transport::Transport(Transport&& other) noexcept = default;
Transport::~Transport() = default;

Transport::Socket& Transport::socket() {
    return wire_->socket;
}

SSL* Transport::ssl() {
    return wire_->ssl.get();
}

void Transport::expires_after(Duration duration) {
    wire_->set_deadline(Clock::now() + duration);
}

void Transport::expires_never() {
    wire_->set_deadline(Clock::time_point::max());
}

void Transport::cut() {
    wire_->cut();
}

asio::awaitable<ErrorCode> Transport::connect(const Addresses& addresses) {
    Wire& wire = *wire_;
    wire.begin(wire.writing);
    auto [error, address] = co_await asio::async_connect(wire.socket, addresses, kAwait);
    co_return wire.end(wire.writing, error);
}

// Until the socket can be read or written.
asio::awaitable<ErrorCode> Transport::wait(Direction direction) {
    Wire& wire = *wire_;
    wire.in_a_row = 0;
    const WaitType type = direction == Direction::kIn ? WaitType::wait_read : WaitType::wait_write;
    Wire::Side& side = wire.side_of(type);
    wire.begin(side);
    auto [error] = co_await wire.socket.async_wait(type, kAwait);
    co_return wire.end(side, error);
}

// Before each read and write: whether its time is up already. Gives the others a turn.
asio::awaitable<ErrorCode> Transport::take_turn(Direction direction) {
    Wire& wire = *wire_;
    Wire::Side& side = direction == Direction::kIn ? wire.reading : wire.writing;
    if (++wire.in_a_row > kInARowMax) {
        wire.in_a_row = 0;
        side.waits = true;  // it is under way: its deadline stays
        co_await asio::post(wire.socket.get_executor(), asio::use_awaitable);
        side.waits = false;
    }
    if (!wire.is_late(side)) co_return ErrorCode();
    wire.cut();
    co_return beast::error::timeout;
}

// After a call of OpenSSL that was not done: waits for what it wants, or says what went wrong.
asio::awaitable<ErrorCode> Transport::settle(int result) {
    const int error = SSL_get_error(ssl(), result);
    if (error == SSL_ERROR_WANT_READ) co_return co_await wait(Direction::kIn);
    if (error == SSL_ERROR_WANT_WRITE) co_return co_await wait(Direction::kOut);
    co_return wire_->failure_of(error);
}

asio::awaitable<ErrorCode> Transport::handshake(Role role) {
    wire_->link.open();
    for (;;) {
        ERR_clear_error();
        const int result =
            role == asio::ssl::stream_base::server ? SSL_accept(ssl()) : SSL_connect(ssl());
        if (result == 1) co_return ErrorCode();
        const ErrorCode error = co_await settle(result);
        if (error) co_return error;
    }
}

void Transport::let_timers_run() {
    wire_->timers_run = true;
}

// What a call of OpenSSL has done.
IoResult Transport::tried(int result, std::size_t count) {
    if (result == 1) return {ErrorCode(), count};
    const int error = SSL_get_error(ssl(), result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
        return {wire_->failure_of(error), 0};
    }
    wire_->wanted = error == SSL_ERROR_WANT_READ ? Direction::kIn : Direction::kOut;
    return {asio::error::would_block, 0};
}

IoResult Transport::try_read(asio::mutable_buffer space) {
    wire_->link.open();
    wire_->wanted = Direction::kIn;
    if (!ssl()) {
        ErrorCode error;
        const std::size_t count = wire_->socket.read_some(space, error);
        return {error == asio::error::would_block ? error : wire_->said(error), count};
    }
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl(), space.data(), space.size(), &count);
    return tried(result, count);
}

IoResult Transport::try_write(Buffers buffers) {
    wire_->link.open();
    wire_->wanted = Direction::kOut;
    if (!ssl()) {
        ErrorCode error;
        const std::size_t count = wire_->socket.write_some(buffers, error);
        return {error == asio::error::would_block ? error : wire_->said(error), count};
    }
    Bytes record;
    const asio::const_buffer next = next_record(buffers, record);
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl(), next.data(), next.size(), &count);
    return tried(result, count);
}

asio::awaitable<ErrorCode> Transport::wait_ready() {
    return wait(wire_->wanted);
}

asio::awaitable<ErrorCode> Transport::wait_readable() {
    if (ssl() && SSL_has_pending(ssl()) == 1) co_return ErrorCode();
    co_return co_await wait(Direction::kIn);
}

asio::awaitable<IoResult> Transport::read_wire(asio::mutable_buffer space) {
    wire_->link.open();
    for (;;) {
        ErrorCode error;
        const std::size_t count = wire_->socket.read_some(space, error);
        if (error != asio::error::would_block) co_return IoResult{wire_->said(error), count};
        error = co_await wait(Direction::kIn);
        if (error) co_return IoResult{error, 0};
    }
}

asio::awaitable<IoResult> Transport::read_some(asio::mutable_buffer space) {
    for (;;) {
        const ErrorCode late = co_await take_turn(Direction::kIn);
        if (late) co_return IoResult{late, 0};
        const IoResult came = try_read(space);
        if (came.error != asio::error::would_block) co_return came;
        const ErrorCode error = co_await wait_ready();
        if (error) co_return IoResult{error, 0};
    }
}

asio::awaitable<ErrorCode> Transport::write(std::span<asio::const_buffer> buffers) {
    for (consume(buffers, 0); !buffers.empty();) {
        const ErrorCode late = co_await take_turn(Direction::kOut);
        if (late) co_return late;
        const IoResult written = try_write(buffers);
        if (written.error == asio::error::would_block) {
            const ErrorCode error = co_await wait_ready();
            if (error) co_return error;
            continue;
        }
        if (written.error) co_return written.error;
        consume(buffers, written.bytes);
    }
    co_return ErrorCode();
}

asio::awaitable<void> Transport::say_goodbye() {
    if (ssl() && SSL_is_init_finished(ssl()) == 1) {
        ErrorCode error;
        while (!error) {
            ERR_clear_error();
            const int result = SSL_shutdown(ssl());
            if (result >= 0) break;  // said; the peer's goodbye may come below
            error = co_await settle(result);
        }
    }
    ErrorCode ignored;
    socket().shutdown(Tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> Transport::close() {
    co_await say_goodbye();
    Bytes unread(kUnreadBytes);
    const auto space = asio::buffer(unread);
    for (bool open = true; open;) {
        const ErrorCode late = co_await take_turn(Direction::kIn);
        if (late) co_return;
        const IoResult came = co_await read_wire(space);
        open = !came.error;
    }
}

}  // namespace hf::http
