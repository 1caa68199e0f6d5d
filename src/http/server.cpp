#include "http/server.h"

#include <pthread.h>

#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <thread>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <boost/beast/http/write.hpp>

namespace hf::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using ErrorCode = boost::system::error_code;
using Body = beast::http::vector_body<std::uint8_t>;
using Parser = beast::http::request_parser<Body>;
using Tcp = asio::ip::tcp;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

void name_thread(const std::string& name) {
    pthread_setname_np(pthread_self(), name.c_str());
}

Request to_request(beast::http::request<Body>&& message, std::string peer) {
    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) {
        request.headers.add(std::string(field.name_string()), std::string(field.value()));
    }
    request.body = std::move(message.body());
    request.peer = std::move(peer);
    return request;
}

beast::http::response<Body> to_message(Response&& response, unsigned version, bool keep_alive) {
    beast::http::response<Body> message;
    message.version(version);
    message.result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers.all()) message.insert(name, value);
    message.body() = std::move(response.body);
    message.keep_alive(keep_alive);
    message.prepare_payload();
    return message;
}

// The answer to a request that could not be read; nullopt when the client just went away.
std::optional<Response> answer_to(const ErrorCode& code, const Limits& limits) {
    using beast::http::error;
    if (code == error::header_limit) {
        return Response::error(431, fmt::format("headers exceed {} bytes", limits.header_bytes));
    }
    if (code == error::body_limit) {
        return Response::error(413,
                               fmt::format("the body exceeds the limit of {} bytes; send less at "
                                           "a time, or raise the server's limit",
                                           limits.body_bytes));
    }
    if (code == beast::error::timeout) return Response::error(408, "the request took too long");
    const bool gone =
        code == error::end_of_stream || code == error::partial_message ||
        code.category() != beast::http::make_error_code(error::end_of_stream).category();
    if (gone) return std::nullopt;
    return Response::error(400, fmt::format("malformed HTTP request: {}", code.message()));
}

class BeastServer final : public Server {
public:
    BeastServer(ServerOptions options, Router router)
        : options_(std::move(options)), router_(std::move(router)), acceptor_(loop_) {}

    ~BeastServer() override {
        loop_.stop();
        work_.stop();
        for (std::thread& thread : threads_) thread.join();
    }

    Status listen() {
        ErrorCode error;
        const asio::ip::address address = asio::ip::make_address(options_.address, error);
        if (error) return invalid_argument("'{}' is not an IP address", options_.address);
        if (!address.is_loopback()) {
            return failed_precondition(
                "{} is not a loopback address, and this server has no TLS; "
                "listen on 127.0.0.1 behind a proxy that has",
                options_.address);
        }
        const Tcp::endpoint endpoint(address, options_.port);
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(Tcp::acceptor::reuse_address(true), error);
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) {
            return unavailable("cannot listen on {}:{}: {}", options_.address, options_.port,
                               error.message());
        }
        port_ = acceptor_.local_endpoint().port();
        return {};
    }

    void run() {
        asio::co_spawn(loop_, accept(), asio::detached);
        threads_.emplace_back([this] {
            name_thread("hf-http-loop");
            loop_.run();
        });
        for (std::size_t i = 0; i < options_.workers; ++i) {
            threads_.emplace_back([this, i] {
                name_thread(fmt::format("hf-http-{}", i));
                work_.run();
            });
        }
    }

    std::uint16_t port() const override { return port_; }

    bool drain(Duration grace) override {
        draining_ = true;
        asio::post(loop_, [this] {
            ErrorCode ignored;
            acceptor_.close(ignored);
            for (Connection& connection : connections_) {
                if (!connection.busy) connection.stream.close();
            }
        });
        std::unique_lock lock(mutex_);
        return ended_.wait_for(lock, grace, [this] { return count_ == 0; });
    }

private:
    // Owned by the loop thread.
    struct Connection {
        beast::tcp_stream stream;
        bool busy = false;  // between the first byte of a request and the last of its answer
    };

    asio::awaitable<void> accept() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(kAwait);
            if (error == asio::error::operation_aborted || !acceptor_.is_open()) co_return;
            if (error || connections_.size() >= options_.limits.connections) continue;
            connections_.push_back({beast::tcp_stream(std::move(socket))});
            {
                const std::lock_guard lock(mutex_);
                ++count_;
            }
            const auto at = std::prev(connections_.end());
            asio::co_spawn(loop_, serve(*at), [this, at](std::exception_ptr) {
                connections_.erase(at);
                const std::lock_guard lock(mutex_);
                --count_;
                ended_.notify_all();
            });
        }
    }

    asio::awaitable<void> serve(Connection& connection) {
        beast::tcp_stream& stream = connection.stream;
        ErrorCode ignored;
        const Tcp::endpoint peer = stream.socket().remote_endpoint(ignored);
        const std::string peer_text = fmt::format("{}:{}", peer.address().to_string(), peer.port());
        stream.socket().set_option(Tcp::no_delay(true), ignored);
        beast::flat_buffer buffer(options_.limits.header_bytes + (64u << 10));
        bool keep_alive = true;
        while (keep_alive && !draining_) {
            Parser parser;
            parser.header_limit(static_cast<std::uint32_t>(options_.limits.header_bytes));
            parser.body_limit(options_.limits.body_bytes);
            connection.busy = buffer.size() > 0;
            const ErrorCode error = co_await read(connection, buffer, parser);
            if (error) {
                if (auto answer = answer_to(error, options_.limits)) {
                    beast::http::response<Body> message = to_message(std::move(*answer), 11, false);
                    co_await write(stream, std::move(message));
                }
                break;
            }
            const bool head = parser.get().method() == beast::http::verb::head;
            const unsigned version = parser.get().version();
            keep_alive = parser.get().keep_alive();
            Request request = to_request(parser.release(), peer_text);
            Response response = co_await handle(std::move(request));
            keep_alive = keep_alive && !draining_;
            beast::http::response<Body> message =
                to_message(std::move(response), version, keep_alive);
            if (head) message.body().clear();
            const bool written = co_await write(stream, std::move(message));
            if (!written) break;
            connection.busy = false;
        }
        stream.socket().shutdown(Tcp::socket::shutdown_send, ignored);
    }

    asio::awaitable<ErrorCode> read(Connection& connection, beast::flat_buffer& buffer,
                                    Parser& parser) {
        beast::tcp_stream& stream = connection.stream;
        // Waiting for the next request is idle time; once it has begun it must arrive in time.
        if (buffer.size() == 0) {
            stream.expires_after(options_.limits.idle_timeout);
            auto [error, count] = co_await stream.async_read_some(buffer.prepare(4096), kAwait);
            if (error) co_return ErrorCode(beast::http::error::end_of_stream);
            buffer.commit(count);
        }
        connection.busy = true;
        stream.expires_after(options_.limits.request_timeout);
        auto [header_error, header_count] =
            co_await beast::http::async_read_header(stream, buffer, parser, kAwait);
        if (header_error) co_return header_error;
        if (beast::iequals(parser.get()[beast::http::field::expect], "100-continue")) {
            beast::http::response<beast::http::empty_body> go_on(beast::http::status::continue_,
                                                                 11);
            auto [error, count] = co_await beast::http::async_write(stream, go_on, kAwait);
            if (error) co_return error;
        }
        auto [error, count] = co_await beast::http::async_read(stream, buffer, parser, kAwait);
        co_return error;
    }

    asio::awaitable<bool> write(beast::tcp_stream& stream, beast::http::response<Body> message) {
        stream.expires_after(options_.limits.request_timeout);
        auto [error, count] = co_await beast::http::async_write(stream, message, kAwait);
        co_return !error;
    }

    // Runs on a worker. Arguments of awaited calls are named variables in this file: GCC 12
    // destroys temporaries in such expressions twice.
    asio::awaitable<Response> compute(Request request) {
        co_return dispatch(router_, std::move(request));
    }

    asio::awaitable<Response> handle(Request request) {
        if (in_flight_ >= options_.limits.queued_requests) {
            Response response = Response::error(503, "too many requests are waiting; try again");
            response.headers.set("Retry-After", "1");
            co_return response;
        }
        ++in_flight_;
        asio::awaitable<Response> computing = compute(std::move(request));
        Response response =
            co_await asio::co_spawn(work_, std::move(computing), asio::use_awaitable);
        --in_flight_;
        co_return response;
    }

    const ServerOptions options_;
    const Router router_;
    asio::io_context loop_{1};
    asio::io_context work_;
    asio::executor_work_guard<asio::io_context::executor_type> working_{work_.get_executor()};
    Tcp::acceptor acceptor_;
    std::uint16_t port_ = 0;
    std::list<Connection> connections_;
    std::size_t in_flight_ = 0;  // loop thread only
    std::atomic<bool> draining_{false};
    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t count_ = 0;  // of connections; under mutex_
    std::vector<std::thread> threads_;
};

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ServerOptions options, Router router) {
    auto server = std::make_unique<BeastServer>(std::move(options), std::move(router));
    HF_TRY(server->listen());
    server->run();
    return server;
}

}  // namespace hf::http
