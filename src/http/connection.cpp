#include "http/connection.h"

#include <poll.h>

#include <array>
#include <atomic>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "http/framing.h"
#include "http/http2.h"
#include "http/http2_connection.h"
#include "http/request_reader.h"
#include "http/stream_signal.h"
#include "http/tls.h"
#include "http/transport.h"

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using Clock = asio::steady_timer::clock_type;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kReadBytes = 4096;
constexpr std::size_t kTogetherBytes = 16u << 10;  // a body that is sent in one piece with its head

// After so many requests in a row for which it had not to wait, a connection lets the others have
// their turn.
constexpr unsigned kInARowMax = 16;

constexpr std::string_view kGoOn = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kLastChunk = "0\r\n\r\n";
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// How long an ended connection waits for its client to see the answer and close too. Closing at
// once would, when the client is still sending, take the answer away from it.
constexpr Duration kLinger = std::chrono::seconds(2);

std::string peer_of(const Tcp::socket& socket) {
    ErrorCode ignored;
    const Tcp::endpoint peer = socket.remote_endpoint(ignored);
    const std::string address = peer.address().to_string();
    return peer.address().is_v6() ? fmt::format("[{}]:{}", address, peer.port())
                                  : fmt::format("{}:{}", address, peer.port());
}

// Whether the peer has closed, behind whatever it has sent.
bool has_left(Tcp::socket& socket) {
    pollfd asked{socket.native_handle(), POLLRDHUP, 0};
    return ::poll(&asked, 1, 0) > 0;
}

class AsioConnection;
using Sharing = std::enable_shared_from_this<AsioConnection>;

class AsioConnection final : public Connection, public Sharing {
public:
    AsioConnection(Tcp::socket socket, ConnectionHost& host)
        : host_(host),
          limits_(host.limits()),
          transport_(std::move(socket), host.tls()),
          buffer_(limits_.header_bytes + kScratchBytes),  // a line that is not whole, and a read
          peer_(peer_of(transport_.socket())),
          watched_(host.loop()) {}

    asio::awaitable<void> serve() override {
        const std::shared_ptr<AsioConnection> self = shared_from_this();
        ErrorCode ignored;
        transport_.socket().set_option(Tcp::no_delay(true), ignored);
        transport_.let_timers_run();
        const bool secured = co_await handshake();
        if (!secured) co_return;
        const bool second = co_await begins_http2();
        if (second) {
            co_await serve_http2();
            co_return;
        }
        for (bool go_on = true; go_on;) {
            if (buffer_.size() == 0 || watching_) {
                in_a_row_ = 0;
                since_ = Clock::now();
                const bool come = co_await wait_for_bytes();
                if (!come) break;
            }
            busy_ = true;
            go_on = co_await serve_one();
            answering_ = false;
            busy_ = buffer_.size() > 0;
        }
        busy_ = true;
        co_await close();
    }

    void end_stream() override {
        stop_ = true;
        if (signal_) signal_->notify();
        if (second_) second_->drain();
    }

    void close_if_idle() override {
        if (second_) {
            second_->close_if_idle();
            return;
        }
        ErrorCode ignored;
        if (!busy_ && transport_.socket().available(ignored) == 0) transport_.cut();
    }

    std::optional<Duration> kept_waiting() const override {
        if (second_) return second_->kept_waiting();
        if (answering_ || cut_) return std::nullopt;
        return Clock::now() - since_;
    }

    void cut() override {
        cut_ = true;
        second_ ? second_->cut() : transport_.cut();
    }

    void look_after_client() override {
        if (has_left(transport_.socket())) *given_up_ = true;
    }

    void abandon() override {
        *given_up_ = true;
        if (signal_) signal_->close();
        if (second_) second_->abandon();
    }

private:
    asio::awaitable<bool> handshake() {
        if (!transport_.ssl()) co_return true;
        transport_.expires_after(limits_.handshake_timeout);
        const ErrorCode silent = co_await transport_.wait_readable();
        if (silent) co_return false;
        // The time that it waits for others is not the client's.
        Turns::Turn turn = co_await host_.handshakes().take();
        if (has_left(transport_.socket())) co_return false;
        asio::steady_timer turn_ends(host_.loop(), kHandshakeTurn);
        turn_ends.async_wait([held = std::move(turn)](const ErrorCode&) {});
        transport_.expires_after(limits_.handshake_timeout);
        const ErrorCode error = co_await transport_.handshake(asio::ssl::stream_base::server);
        if (error) co_return false;
        describe_peer(transport_.ssl(), sender_);
        co_return true;
    }

    // Whether the client speaks HTTP/2: by ALPN, or, without TLS, by the preface that it begins
    // with (RFC 9113 sections 3.2 to 3.4). What was read for that is in the buffer.
    asio::awaitable<bool> begins_http2() {
        if (!host_.http2()) co_return false;
        if (transport_.ssl()) co_return has_chosen_http2(transport_.ssl());
        const bool come = co_await wait_for_request();
        transport_.expires_after(limits_.request_timeout);
        while (come && buffer_.size() < kPreface.size() && kPreface.starts_with(buffered())) {
            busy_ = true;
            const asio::mutable_buffer space = buffer_.prepare(kReadBytes);
            const IoResult read = co_await transport_.read_some(space);
            buffer_.commit(read.bytes);
            if (read.error) break;
        }
        busy_ = come;
        co_return come&& buffered().starts_with(kPreface);
    }

    std::string_view buffered() const {
        const auto data = buffer_.cdata();
        return {static_cast<const char*>(data.data()), data.size()};
    }

    asio::awaitable<void> serve_http2() {
        Http2Start start;
        start.begun = to_bytes(buffered());
        add_sender(start.sender);
        buffer_.consume(buffer_.size());
        buffer_.shrink_to_fit();
        second_ = host_.http2()->connect(std::move(transport_), host_, std::move(start));
        co_await second_->serve();
    }

    // True when a request's first bytes are there to be read; false when none came in time.
    asio::awaitable<bool> wait_for_bytes() {
        if (watching_) {
            watched_.expires_after(limits_.idle_timeout);
            co_await watched_.async_wait(kAwait);
            if (watching_ || gone_) co_return false;
        }
        if (buffer_.size() > 0) co_return true;
        transport_.expires_after(limits_.idle_timeout);
        buffer_.shrink_to_fit();  // who only waits holds nothing
        const ErrorCode waited = co_await transport_.wait_readable();
        co_return !waited;
    }

    // The same, in the buffer.
    asio::awaitable<bool> wait_for_request() {
        const bool there = co_await wait_for_bytes();
        if (!there || buffer_.size() > 0) co_return there;
        const asio::mutable_buffer space = buffer_.prepare(kReadBytes);
        const IoResult came = co_await transport_.read_some(space);
        buffer_.commit(came.bytes);
        co_return !came.error;
    }

    // Reads one request, answers it; true when the connection may go on.
    asio::awaitable<bool> serve_one() {
        if (++in_a_row_ > kInARowMax) {
            in_a_row_ = 0;
            co_await asio::post(host_.loop(), asio::use_awaitable);
        }
        since_ = Clock::now();
        transport_.expires_after(limits_.request_timeout);
        RequestReader reader(limits_);
        take_buffered(reader);
        if (!is_over(reader)) read_at_once(reader);
        if (!is_over(reader)) {
            const bool whole = co_await read_rest(reader);
            if (!whole) co_return false;
        }
        Exchange exchange;
        exchange.version = reader.is_modern() ? 11 : 10;
        exchange.head = reader.is_head();
        if (reader.refusal()) {
            co_await send(*reader.refusal(), exchange);
            co_return false;
        }
        const bool wanted = reader.wants_more();
        Request request = std::move(reader.request());
        add_sender(request);
        request.given_up = given_up_;
        answering_ = true;
        const std::shared_ptr<Pending> pending = host_.begin(std::move(request));
        Response response;
        if (pending->there) {
            response = host_.take(*pending);
        } else {
            const auto asks = host_.asking().insert(host_.asking().end(), this);
            response = co_await host_.wait(pending);
            host_.asking().erase(asks);
        }
        make_sendable(response);
        exchange.keep_alive = wanted && !host_.draining();
        if (!response.stream) {
            const bool sent = co_await send(response, exchange);
            co_return sent&& exchange.keep_alive;
        }
        const bool sent = co_await send_stream(response, exchange);
        co_return sent&& exchange.keep_alive && !host_.draining();
    }

    static bool is_over(const RequestReader& reader) { return reader.done() || reader.refusal(); }

    bool give_up() {
        gone_ = true;
        return false;
    }

    void take_buffered(RequestReader& reader) {
        if (buffer_.size() == 0) return;
        const auto data = buffer_.cdata();
        buffer_.consume(reader.take({static_cast<const std::uint8_t*>(data.data()), data.size()}));
    }

    // What has come, as far as that goes without waiting. Only what is left over needs memory.
    IoResult read_at_once(RequestReader& reader) {
        if (const std::span<std::uint8_t> space = reader.body_space(); !space.empty()) {
            const IoResult came = transport_.try_read(asio::buffer(space.data(), space.size()));
            reader.body_came(came.bytes);
            return came;
        }
        const std::span<std::uint8_t> space = host_.scratch();
        const IoResult came = transport_.try_read(asio::buffer(space.data(), space.size()));
        ByteView bytes = ByteView(space).first(came.bytes);
        if (buffer_.size() == 0) bytes = bytes.subspan(reader.take(bytes));
        if (!bytes.empty()) {
            buffer_.commit(asio::buffer_copy(buffer_.prepare(bytes.size()),
                                             asio::buffer(bytes.data(), bytes.size())));
            take_buffered(reader);
        }
        return came;
    }

    // False when the client goes before its request is whole; gone_ then, unless it asks for
    // nothing more and just ends.
    asio::awaitable<bool> read_rest(RequestReader& reader) {
        bool told = false;
        while (!is_over(reader)) {
            if (!told && reader.expects_continue()) {
                told = true;
                std::array<asio::const_buffer, 1> go_on{asio::buffer(kGoOn)};
                const ErrorCode failed = co_await transport_.write(go_on);
                if (failed) co_return give_up();
            }
            const IoResult came = read_at_once(reader);
            if (came.error == asio::error::would_block) {
                const ErrorCode late = co_await transport_.wait_ready();
                if (late) co_return give_up();
            } else if (came.error) {
                gone_ = came.error != asio::error::eof || reader.begun() || buffer_.size() > 0;
                co_return false;
            } else if (++in_a_row_ > kInARowMax) {
                in_a_row_ = 0;
                co_await asio::post(host_.loop(), asio::use_awaitable);
            }
        }
        co_return true;
    }

    void add_sender(Request& request) const {
        request.peer = peer_;
        copy_peer(sender_, request);
    }

    asio::awaitable<bool> send(const Response& response, const Exchange& exchange) {
        Head head = to_head(response, exchange);
        ByteView body = exchange.head ? ByteView() : ByteView(response.body);
        if (body.size() <= kTogetherBytes) {
            head.text.append(as_text(body));
            body = {};
        }
        std::array<asio::const_buffer, 2> buffers{asio::buffer(head.text),
                                                  asio::buffer(body.data(), body.size())};
        co_return co_await write(buffers);
    }

    // True when the stream came to its own end and all of it was sent.
    asio::awaitable<bool> send_stream(Response& response, Exchange& exchange) {
        const Head head = to_head(response, exchange);
        exchange.keep_alive = head.keep_alive;
        std::array<asio::const_buffer, 1> buffers{asio::buffer(head.text)};
        const bool begun = co_await write(buffers);
        if (!begun) co_return false;
        if (exchange.head) co_return true;
        signal_ = std::make_shared<StreamSignal>(host_.loop());
        start_watching();
        const std::shared_ptr<StreamSignal> signal = signal_;
        response.stream->start([signal] { signal->notify(); });
        const bool sent =
            co_await send_pieces(*response.stream, head.chunked, declared_length(response));
        response.stream.reset();
        signal_->close();
        signal_.reset();
        streaming_ = false;
        // Bytes of a next request while yet another read is under way: simpler to let the client
        // ask again.
        co_return sent && !(watching_ && buffer_.size() > 0);
    }

    asio::awaitable<bool> send_pieces(BodyStream& stream, bool chunked,
                                      std::optional<std::uint64_t> length) {
        std::uint64_t total = 0;
        while (!gone_) {
            std::optional<Bytes> piece = stream.next();
            if (!piece || (piece->empty() && (stop_ || host_.draining()))) {
                if (!chunked) co_return !length || total == *length;
                std::array<asio::const_buffer, 1> last{asio::buffer(kLastChunk)};
                co_return co_await write(last);
            }
            if (piece->empty()) {
                co_await signal_->wait();
                continue;
            }
            total += piece->size();
            if (length && total > *length) co_return false;
            const std::string head = chunked ? fmt::format("{:x}\r\n", piece->size()) : "";
            const std::string_view tail = chunked ? "\r\n" : "";
            std::array<asio::const_buffer, 3> buffers{asio::buffer(head), asio::buffer(*piece),
                                                      asio::buffer(tail)};
            const bool written = co_await write(buffers);
            if (!written) co_return false;
        }
        co_return false;
    }

    asio::awaitable<bool> write(std::span<asio::const_buffer> buffers) {
        transport_.expires_after(limits_.request_timeout);
        const ErrorCode error = co_await transport_.write(buffers);
        co_return !error;
    }

    void start_watching() {
        streaming_ = true;
        watching_ = true;
        transport_.expires_never();
        asio::co_spawn(host_.loop(), watch(), asio::detached);
    }

    // Reads ahead while a stream is sent: that is how a client that went away is noticed. What
    // comes is kept for the next request.
    asio::awaitable<void> watch() {
        const std::shared_ptr<AsioConnection> self = shared_from_this();
        while (buffer_.size() + kReadBytes <= buffer_.max_size()) {
            if (buffer_.size() == 0) buffer_.shrink_to_fit();
            const ErrorCode waited = co_await transport_.wait_readable();
            gone_ = gone_ || waited;
            if (waited) break;
            const asio::mutable_buffer space = buffer_.prepare(kReadBytes);
            const IoResult came = co_await transport_.read_some(space);
            gone_ = gone_ || came.error;
            if (came.error) break;
            buffer_.commit(came.bytes);
            if (!streaming_) break;
        }
        watching_ = false;
        watched_.cancel();
        if (signal_) signal_->notify();
    }

    asio::awaitable<void> close() {
        if (gone_ || watching_) {
            transport_.cut();
            co_return;
        }
        transport_.expires_after(kLinger);
        co_await transport_.close();
    }

    ConnectionHost& host_;
    const Limits& limits_;
    Transport transport_;
    beast::flat_buffer buffer_;
    const std::string peer_;
    unsigned in_a_row_ = 0;
    Request sender_;                          // only what the handshake told
    Clock::time_point since_ = Clock::now();  // when it began to wait for its client
    bool answering_ = false;
    bool cut_ = false;
    bool busy_ = false;  // between the first byte of a request and the last of its answer
    bool gone_ = false;  // nobody reads what we would send
    bool stop_ = false;  // the stream is to end

    // Nobody waits for what is answered; it is not asked once the client speaks HTTP/2.
    const std::shared_ptr<std::atomic<bool>> given_up_ = std::make_shared<std::atomic<bool>>(false);

    bool streaming_ = false;
    std::shared_ptr<StreamSignal> signal_;  // of the stream being sent
    bool watching_ = false;                 // watch() runs
    asio::steady_timer watched_;            // cancelled when watch() ends

    std::shared_ptr<Http2Connection> second_;  // has the transport, once the client speaks HTTP/2
};

}  // namespace

std::shared_ptr<Connection> Connection::create(Tcp::socket socket, ConnectionHost& host) {
    return std::make_shared<AsioConnection>(std::move(socket), host);
}

}  // namespace hf::http
