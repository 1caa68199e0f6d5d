#include "http/http2_connection.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/connection.h"
#include "http/framing.h"
#include "http/http2.h"
#include "http/http2_session.h"
#include "http/stream_signal.h"
#include "http/tls.h"
#include "http/trailed_stream.h"
#include "http/transport.h"

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Clock = asio::steady_timer::clock_type;
using Kind = Http2Event::Kind;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kUnsentBytes = 256u << 10;  // a stream with more waits until they are sent
constexpr Duration kTick = std::chrono::seconds(1);

// How long a connection that is over waits for its client to close too.
constexpr Duration kLinger = std::chrono::seconds(2);

Duration now() {
    return Clock::now().time_since_epoch();
}

// One stream, as long as something here works for it.
struct Exchange {
    StreamId id;
    std::shared_ptr<StreamSignal> signal;
    std::shared_ptr<std::atomic<bool>> gone = std::make_shared<std::atomic<bool>>(false);

    // Of a duplex route, what has come and was not yet told.
    Bytes incoming = {};
    bool ended = false;
};

using ExchangePointer = std::shared_ptr<Exchange>;

class NgHttp2Connection final : public Http2Connection,
                                public std::enable_shared_from_this<NgHttp2Connection> {
public:
    NgHttp2Connection(Transport transport, ConnectionHost& host, Http2Start start)
        : host_(host),
          transport_(std::move(transport)),
          begun_(std::move(start.begun)),
          sender_(std::move(start.sender)),
          session_({host.limits(),
                    [&host](const Request& request) { return host.is_duplex(request); },
                    host.rephrase(), now()}),
          to_send_(std::make_shared<StreamSignal>(host.loop())),
          ticking_(host.loop()) {}

    asio::awaitable<void> serve() override {
        const std::shared_ptr<NgHttp2Connection> self = shared_from_this();
        if (host_.draining()) drain();
        asio::co_spawn(host_.loop(), write(), asio::detached);
        asio::co_spawn(host_.loop(), tick(), asio::detached);
        take(std::exchange(begun_, {}));
        while (!ended_) {
            transport_.expires_never();
            // Who only waits holds no space to read into.
            const ErrorCode waited = co_await transport_.wait_readable();
            if (waited) break;
            const std::span<std::uint8_t> space = host_.scratch();
            const asio::mutable_buffer buffer(space.data(), space.size());
            const IoResult came = co_await transport_.read_some(buffer);
            if (came.error) break;
            take(ByteView(space).first(came.bytes));
        }
        end();
    }

    void drain() override {
        draining_since_ = now();
        session_.drain(false);
        wake();
        for (const auto& [id, exchange] : exchanges_) exchange->signal->notify();
    }

    void close_if_idle() override {
        if (!std::exchange(last_told_, true)) session_.drain(true);
        wake();
    }

    std::optional<Duration> kept_waiting() const override {
        if (working_ > 0 || cut_) return std::nullopt;
        return now() - since_;
    }

    void cut() override {
        cut_ = true;
        transport_.cut();
    }

    void abandon() override {
        to_send_->close();
        for (const auto& [id, exchange] : exchanges_) {
            *exchange->gone = true;
            exchange->signal->close();
        }
    }

private:
    void wake() { to_send_->notify(); }

    void take(ByteView bytes) {
        session_.receive(bytes, now());
        handle_events();
        wake();
    }

    void handle_events() {
        for (Http2Event& event : session_.take_events()) handle(event);
    }

    void handle(Http2Event& event) {
        if (event.kind == Kind::kRequest) {
            begin(event.stream, std::move(event.request));
            return;
        }
        const auto at = exchanges_.find(event.stream);
        if (at == exchanges_.end()) return;
        Exchange& exchange = *at->second;
        if (event.kind == Kind::kBody) {
            exchange.incoming.insert(exchange.incoming.end(), event.body.begin(), event.body.end());
        }
        exchange.ended = exchange.ended || event.kind == Kind::kEnded;
        if (event.kind != Kind::kGone) {
            exchange.signal->notify();
            return;
        }
        *exchange.gone = true;
        exchange.signal->close();  // wakes, too
        exchanges_.erase(at);
    }

    // Streams that were reset while a handler works for them count on: a client that resets what it
    // asks for does not get more of the workers.
    void begin(StreamId id, Request request) {
        if (working_ >= host_.limits().streams) {
            session_.reset(id, true);
            return;
        }
        ++working_;
        auto exchange =
            std::make_shared<Exchange>(Exchange{id, std::make_shared<StreamSignal>(host_.loop())});
        exchanges_[id] = exchange;
        const bool duplex = host_.is_duplex(request);
        add_sender(request);
        request.given_up = exchange->gone;
        asio::co_spawn(host_.loop(), work(std::move(exchange), std::move(request), duplex),
                       asio::detached);
    }

    void add_sender(Request& request) const {
        request.peer = sender_.peer;
        copy_peer(sender_, request);
    }

    asio::awaitable<void> work(ExchangePointer exchange, Request request, bool duplex) {
        const std::shared_ptr<NgHttp2Connection> self = shared_from_this();
        if (duplex) {
            co_await converse(*exchange, std::move(request));
        } else {
            co_await answer(*exchange, std::move(request));
        }
        --working_;
        since_ = now();
        wake();
    }

    asio::awaitable<void> answer(Exchange& exchange, Request request) {
        const bool head = request.method == "HEAD";
        Response response = co_await host_.answer(std::move(request));
        if (*exchange.gone) co_return;
        make_sendable(response);
        const std::shared_ptr<BodyStream> stream = std::move(response.stream);
        const std::optional<std::uint64_t> length = declared_length(response);
        Headers trailers = response.trailers;
        session_.respond(exchange.id, std::move(response), stream != nullptr);
        wake();
        if (!stream || head) co_return;
        const std::shared_ptr<StreamSignal> signal = exchange.signal;
        stream->start([signal] { signal->notify(); });
        const std::uint64_t sent = co_await pump(exchange, *stream);
        if (length && *length != sent) {
            session_.reset(exchange.id, false);
        } else {
            if (auto* const trailed = dynamic_cast<TrailedStream*>(stream.get())) {
                trailers = trailed->trailers();
            }
            session_.finish(exchange.id, trailers);
        }
        signal->close();
    }

    // How many bytes the stream had, until it ended or the server drains.
    asio::awaitable<std::uint64_t> pump(Exchange& exchange, BodyStream& stream) {
        std::uint64_t total = 0;
        while (!*exchange.gone) {
            std::optional<Bytes> piece = stream.next();
            if (!piece || (piece->empty() && host_.draining())) break;
            if (piece->empty()) {
                co_await exchange.signal->wait();
                continue;
            }
            total += piece->size();
            session_.send(exchange.id, std::move(*piece));
            wake();
            co_await until_sent(exchange);
        }
        co_return total;
    }

    asio::awaitable<void> until_sent(Exchange& exchange) {
        while (!*exchange.gone && session_.unsent(exchange.id) >= kUnsentBytes) {
            co_await exchange.signal->wait();
        }
    }

    asio::awaitable<void> converse(Exchange& exchange, Request request) {
        Opening opening = co_await host_.open(std::move(request));
        if (*exchange.gone) co_return;
        make_sendable(opening.head);
        if (opening.duplex) opening.head.body.clear();
        session_.respond(exchange.id, std::move(opening.head), opening.duplex != nullptr);
        wake();
        if (!opening.duplex) co_return;
        Duplex& duplex = *opening.duplex;
        for (bool again = false, told_end = false;;) {
            const bool rests = co_await rest(exchange, again);
            if (*exchange.gone) break;
            if (rests) {
                session_.finish(exchange.id, duplex.stop());
                break;
            }
            Bytes came = std::exchange(exchange.incoming, {});
            const std::size_t size = came.size();
            told_end = exchange.ended;
            Duplex::Step step = co_await host_.step(duplex, std::move(came), told_end);
            session_.take_in(exchange.id, size, step.kept);
            handle_events();
            session_.send(exchange.id, std::move(step.send));
            if (step.trailers) session_.finish(exchange.id, *step.trailers);
            wake();
            if (step.trailers) break;
            again = step.again;
            if (told_end && !again) {  // it had nothing more to wait for
                session_.reset(exchange.id, false);
                break;
            }
            co_await until_sent(exchange);
        }
    }

    // Until there is something for a next step. True when there is not and the server drains.
    asio::awaitable<bool> rest(Exchange& exchange, bool at_once) {
        while (!*exchange.gone && !at_once && exchange.incoming.empty() && !exchange.ended) {
            if (host_.draining()) co_return true;
            co_await exchange.signal->wait();
        }
        co_return false;
    }

    asio::awaitable<void> write() {
        const std::shared_ptr<NgHttp2Connection> self = shared_from_this();
        while (!ended_) {
            const Bytes output = session_.take_output(now());
            handle_events();
            if (output.empty()) {
                if (session_.over()) break;
                co_await to_send_->wait();
                continue;
            }
            transport_.expires_after(host_.limits().request_timeout);
            std::array<asio::const_buffer, 1> buffers{asio::buffer(output)};
            const ErrorCode error = co_await transport_.write(buffers);
            transport_.expires_never();
            if (!error) continue;
            transport_.cut();
            co_return;
        }
        if (ended_) co_return;
        over_since_ = now();
        transport_.expires_after(kLinger);
        co_await transport_.say_goodbye();
    }

    asio::awaitable<void> tick() {
        const std::shared_ptr<NgHttp2Connection> self = shared_from_this();
        const Limits& limits = host_.limits();
        const Duration pause =
            std::min(kTick, std::min(limits.idle_timeout, limits.request_timeout) / 4);
        while (!ended_) {
            ticking_.expires_after(pause);
            co_await ticking_.async_wait(kAwait);
            if (ended_) break;
            session_.tick(now());
            handle_events();
            wake();
            const bool last_call = draining_since_ && now() - *draining_since_ >= limits.last_call;
            if (last_call) close_if_idle();
            if (over_since_ && now() - *over_since_ >= kLinger) transport_.cut();
        }
    }

    // Once, when nothing more is read.
    void end() {
        ended_ = true;
        for (const auto& [id, exchange] : exchanges_) {
            *exchange->gone = true;
            exchange->signal->close();
        }
        exchanges_.clear();
        to_send_->close();
        ticking_.cancel();
        transport_.cut();
    }

    ConnectionHost& host_;
    Transport transport_;
    Bytes begun_;
    const Request sender_;
    Http2Session session_;
    std::map<StreamId, ExchangePointer> exchanges_;
    Duration since_ = now();  // when it began to wait for its client
    bool cut_ = false;
    std::size_t working_ = 0;  // coroutines that have a handler work, or send what it said
    std::shared_ptr<StreamSignal> to_send_;
    asio::steady_timer ticking_;
    bool ended_ = false;                  // nothing more is read
    std::optional<Duration> over_since_;  // all is said
    std::optional<Duration> draining_since_;
    bool last_told_ = false;
};

class NgHttp2 final : public Http2 {
public:
    std::shared_ptr<Http2Connection> connect(Transport transport, ConnectionHost& host,
                                             Http2Start start) const override {
        return std::make_shared<NgHttp2Connection>(std::move(transport), host, std::move(start));
    }
};

}  // namespace

const Http2& http2() {
    static const NgHttp2 instance;
    return instance;
}

}  // namespace hf::http
