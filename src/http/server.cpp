#include "http/server.h"

#include <fcntl.h>
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "http/connection.h"
#include "http/stream_signal.h"
#include "http/tls.h"

// Arguments of awaited calls are named variables in this file: GCC 12 destroys temporaries in such
// expressions twice.

namespace hf::http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;
using Tcp = asio::ip::tcp;
using Clock = asio::steady_timer::clock_type;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// How long to wait when the system has no descriptors left to accept with.
constexpr Duration kAcceptPause = std::chrono::milliseconds(50);

// How often connections are asked, while requests are answered, whether their clients still wait.
constexpr Duration kLookEvery = std::chrono::milliseconds(50);

void name_thread(const std::string& name) {
    pthread_setname_np(pthread_self(), name.c_str());
}

// One step of a duplex while it is taken, for the loop.
struct StepUnderWay {
    explicit StepUnderWay(asio::io_context& loop) : signal(std::make_shared<StreamSignal>(loop)) {}

    const std::shared_ptr<StreamSignal> signal;
    Duplex::Step step;  // of whoever tells it until `there`
    std::atomic<bool> there{false};
};

class AsioServer final : public Server, private ConnectionHost {
public:
    AsioServer(ServerOptions options, Router router)
        : options_(std::move(options)),
          router_(std::move(router)),
          acceptor_(loop_),
          last_call_(loop_),
          looking_(loop_) {}

    ~AsioServer() override {
        loop_.stop();
        if (loop_thread_.joinable()) loop_thread_.join();
        handshakes_.close();
        // A handler that waits until nobody waits for it hears that now.
        for (const std::shared_ptr<Connection>& connection : connections_) connection->abandon();
        for (StreamSignal* signal : awaited_) signal->close();
        work_.stop();
        for (std::thread& thread : workers_) thread.join();
    }

    Status listen() {
        ErrorCode error;
        const asio::ip::address address = asio::ip::make_address(options_.address, error);
        if (error) return invalid_argument("'{}' is not an IP address", options_.address);
        if (!address.is_loopback() && !options_.tls) {
            return failed_precondition(
                "{} is not a loopback address, and this server has no TLS; "
                "give it a certificate, or listen on 127.0.0.1",
                options_.address);
        }
        if (options_.tls) tls_ = HF_TRY(make_server_context(*options_.tls, options_.http2));
        const Tcp::endpoint endpoint(address, options_.port);
        if (options_.listener) return take_over(endpoint);
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (!error) acceptor_.non_blocking(true, error);
        if (error) {
            return unavailable("cannot listen on {}:{}: {}", options_.address, options_.port,
                               error.message());
        }
        port_ = acceptor_.local_endpoint().port();
        return {};
    }

    void run() {
        listener_ = acceptor_.native_handle();
        asio::co_spawn(loop_, accept(), asio::detached);
        loop_thread_ = std::thread([this] {
            name_thread("hf-http-loop");
            loop_.run();
        });
        for (std::size_t i = 0; i < options_.workers; ++i) {
            workers_.emplace_back([this, i] {
                name_thread(fmt::format("hf-http-{}", i));
                work_.run();
            });
        }
    }

    // A socket that listens already.
    Status take_over(const Tcp::endpoint& wanted) {
        const int copy = ::fcntl(*options_.listener, F_DUPFD_CLOEXEC, 0);
        ErrorCode error(copy < 0 ? errno : 0, boost::system::system_category());
        if (!error) acceptor_.assign(wanted.protocol(), copy, error);
        Tcp::endpoint bound;
        if (!error) bound = acceptor_.local_endpoint(error);
        if (!error) acceptor_.non_blocking(true, error);
        if (error) return unavailable("the listening socket cannot be used: {}", error.message());
        if (bound.address() != wanted.address() ||
            (wanted.port() != 0 && wanted.port() != bound.port())) {
            return failed_precondition(
                "the socket that is taken over listens on {}:{}, and {}:{} is wanted",
                bound.address().to_string(), bound.port(), options_.address, options_.port);
        }
        port_ = bound.port();
        return {};
    }

    std::uint16_t port() const override { return port_; }
    int listener() const override { return listener_; }

    Status renew_tls(const Tls& tls) override {
        std::shared_ptr<asio::ssl::context> made = HF_TRY(make_server_context(tls, options_.http2));
        asio::post(loop_, [this, made = std::move(made)] { tls_ = made; });
        return {};
    }

    bool drain(Duration grace) override {
        asio::post(loop_, [this] { start_draining(); });
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, grace, [this] { return drained_ && count_ == 0; });
    }

private:
    asio::io_context& loop() override { return loop_; }
    const Limits& limits() const override { return options_.limits; }
    asio::ssl::context* tls() override { return tls_.get(); }
    Turns& handshakes() override { return handshakes_; }
    bool draining() const override { return draining_; }
    std::list<Connection*>& asking() override { return asking_; }
    const Http2* http2() const override { return options_.http2; }
    const Rephrase& rephrase() const override { return options_.rephrase; }
    bool is_duplex(const Request& request) const override {
        return router_.is_duplex(request.method, request.target);
    }

    asio::awaitable<void> accept() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(kAwait);
            if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
            if (!error) {
                add(std::move(socket));
                continue;
            }
            asio::steady_timer pause(loop_, kAcceptPause);
            co_await pause.async_wait(kAwait);
        }
    }

    void add(Tcp::socket socket) {
        if (connections_.size() >= options_.limits.connections && !make_room()) return;
        connections_.push_back(Connection::create(std::move(socket), *this));
        {
            const std::lock_guard lock(mutex_);
            ++count_;
        }
        const auto at = std::prev(connections_.end());
        asio::co_spawn(loop_, (*at)->serve(), [this, at](std::exception_ptr) {
            connections_.erase(at);
            const std::lock_guard lock(mutex_);
            --count_;
            ended_.notify_all();
        });
    }

    // Who only holds connections open does not keep others out for long.
    bool make_room() {
        Connection* longest = nullptr;
        Duration most = options_.limits.room_after;
        for (const std::shared_ptr<Connection>& connection : connections_) {
            const std::optional<Duration> waiting = connection->kept_waiting();
            if (!waiting || *waiting < most) continue;
            longest = connection.get();
            most = *waiting;
        }
        if (longest) longest->cut();
        return longest != nullptr;
    }

    // Who has connected already is served, so the queue of the system is emptied first.
    void start_draining() {
        draining_ = true;
        for (ErrorCode error; acceptor_.is_open() && !error;) {
            Tcp::socket socket(loop_);
            acceptor_.accept(socket, error);
            if (!error) add(std::move(socket));
        }
        ErrorCode ignored;
        acceptor_.close(ignored);
        for (const std::shared_ptr<Connection>& connection : connections_) {
            connection->end_stream();
        }
        last_call_.expires_after(options_.limits.last_call);
        last_call_.async_wait([this](const ErrorCode&) {
            for (const std::shared_ptr<Connection>& connection : connections_) {
                connection->close_if_idle();
            }
        });
        const std::lock_guard lock(mutex_);
        drained_ = true;
        ended_.notify_all();
    }

    // These two run on a worker; the first on the loop where it is quick.
    void compute(Request request, Clock::time_point queued, const Reply& reply) {
        request.waited += Clock::now() - queued;
        const std::shared_ptr<Observation> observation = observe(request);
        if (!observation) return dispatch(router_, std::move(request), options_.gate, reply);
        dispatch(router_, std::move(request), options_.gate,
                 Reply([observation, reply](Response response) {
                     observation->answered(response);
                     reply.send(std::move(response));
                 }));
    }
    asio::awaitable<Opening> compute_opening(Request request, Clock::time_point queued) {
        request.waited += Clock::now() - queued;
        const std::shared_ptr<Observation> observation = observe(request);
        Opening opening = open_duplex(router_, std::move(request), options_.gate);
        if (observation) observation->answered(opening.head);
        co_return opening;
    }

    bool is_full() const { return in_flight_ >= options_.limits.queued_requests; }

    std::shared_ptr<Observation> observe(Request& request) const {
        if (options_.observe) request.observation = options_.observe(request);
        return request.observation;
    }

    Response refuse(Request request) const {
        Response response = Response::error(503, "too many requests are waiting; try again");
        response.headers.set("Retry-After", "1");
        if (const auto observation = observe(request)) observation->answered(response);
        return response;
    }

    std::span<std::uint8_t> scratch() override { return scratch_; }

    std::shared_ptr<Pending> begin(Request request) override {
        auto pending = std::make_shared<Pending>(loop_);
        ++in_flight_;
        awaited_.push_back(pending->signal.get());
        if (in_flight_ > options_.limits.queued_requests) {
            pending->response = refuse(std::move(request));
            pending->there = true;
            return pending;
        }
        Reply reply([pending](Response response) {
            pending->response = std::move(response);
            pending->there = true;
            pending->signal->notify();
        });
        request.quick = options_.quick && options_.quick(request);
        if (request.quick) {
            compute(std::move(request), Clock::now(), reply);
            return pending;
        }
        asio::post(work_, [this, request = std::move(request), reply = std::move(reply),
                           queued = Clock::now()]() mutable {
            compute(std::move(request), queued, reply);
        });
        return pending;
    }

    Response take(Pending& pending) override {
        end_awaited(*pending.signal);
        return std::move(pending.response);
    }

    void end_awaited(StreamSignal& signal) {
        signal.close();
        // Those who came last are mostly answered first.
        const auto at = std::find(awaited_.rbegin(), awaited_.rend(), &signal);
        awaited_.erase(std::next(at).base());
        --in_flight_;
    }

    asio::awaitable<Response> wait(std::shared_ptr<Pending> pending) override {
        look_after_clients();
        while (!pending->there) co_await pending->signal->wait();
        co_return take(*pending);
    }

    asio::awaitable<Response> answer(Request request) override {
        std::shared_ptr<Pending> pending = begin(std::move(request));
        if (pending->there) co_return take(*pending);
        co_return co_await wait(std::move(pending));
    }

    // Over HTTP/1.1 nothing is read while a request is answered, and so nobody would notice.
    void look_after_clients() {
        if (std::exchange(looks_, true)) return;
        looking_.expires_after(kLookEvery);
        looking_.async_wait([this](const ErrorCode& error) {
            looks_ = false;
            if (error || asking_.empty()) return;
            for (Connection* const connection : asking_) connection->look_after_client();
            look_after_clients();
        });
    }

    asio::awaitable<Opening> open(Request request) override {
        Opening opening;
        if (is_full()) {
            opening.head = refuse(std::move(request));
            co_return opening;
        }
        ++in_flight_;
        asio::awaitable<Opening> computing = compute_opening(std::move(request), Clock::now());
        opening = co_await asio::co_spawn(work_, std::move(computing), asio::use_awaitable);
        --in_flight_;
        co_return opening;
    }

    asio::awaitable<Duplex::Step> step(Duplex& duplex, Bytes came, bool ended) override {
        const auto under_way = std::make_shared<StepUnderWay>(loop_);
        ++in_flight_;
        awaited_.push_back(under_way->signal.get());
        asio::post(work_, [&duplex, came = std::move(came), ended, under_way] {
            duplex.take(came, ended, [under_way](Duplex::Step step) {
                under_way->step = std::move(step);
                under_way->there = true;
                under_way->signal->notify();
            });
        });
        while (!under_way->there) co_await under_way->signal->wait();
        end_awaited(*under_way->signal);
        co_return std::move(under_way->step);
    }

    const ServerOptions options_;
    const Router router_;
    std::shared_ptr<asio::ssl::context> tls_;  // the loop's
    asio::io_context loop_{1};
    asio::io_context work_;
    asio::executor_work_guard<asio::io_context::executor_type> working_{work_.get_executor()};
    Tcp::acceptor acceptor_;
    asio::steady_timer last_call_;
    asio::steady_timer looking_;
    Turns handshakes_{loop_, kHandshakesAtOnce};
    std::uint16_t port_ = 0;
    int listener_ = -1;
    std::list<std::shared_ptr<Connection>> connections_;  // of the loop thread, as are these:
    std::list<Connection*> asking_;
    std::vector<StreamSignal*> awaited_;  // one for each of `in_flight_` that a worker has
    std::array<std::uint8_t, kScratchBytes> scratch_;
    std::size_t in_flight_ = 0;
    bool looks_ = false;  // looking_ runs
    bool draining_ = false;
    std::mutex mutex_;
    std::condition_variable ended_;
    bool drained_ = false;   // under mutex_; the acceptor is closed
    std::size_t count_ = 0;  // under mutex_; of connections
    std::thread loop_thread_;
    std::vector<std::thread> workers_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Router router) {
    auto server = std::make_unique<AsioServer>(std::move(options), std::move(router));
    HF_TRY(server->listen());
    server->run();
    return server;
}

}  // namespace hf::http
