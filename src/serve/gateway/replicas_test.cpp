#include "serve/gateway/replicas_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <tuple>
#include <utility>

#include "base/check.h"

namespace hf::serve::gateway {
namespace {

// A listening socket on loopback, and its port.
std::pair<int, std::uint16_t> listen_on_loopback(int backlog) {
    const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    HF_CHECK(::bind(socket, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    HF_CHECK(::listen(socket, backlog) == 0);
    HF_CHECK(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return {socket, ntohs(address.sin_port)};
}

// Not waited for: it stays under way where the listener takes no more.
int begin_connecting(std::uint16_t port) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    static_cast<void>(
        ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    return socket;
}

}  // namespace

Replica replica_at(std::uint16_t port, std::string node, bool tls) {
    Replica replica;
    replica.url = fmt::format("{}://127.0.0.1:{}", tls ? "https" : "http", port);
    replica.node = std::move(node);
    replica.epoch = 1;
    replica.ready = true;
    return replica;
}

TestReplica::TestReplica(std::string node, std::optional<http::Tls> tls)
    : node_(std::move(node)), tls_(std::move(tls)) {
    start(0);
}

TestReplica::~TestReplica() {
    release();
}

Replica TestReplica::replica() const {
    return replica_at(port_, node_, tls_.has_value());
}

void TestReplica::start(std::uint16_t port) {
    http::Router router;
    const auto handler = [this](const http::Request& request) { return infer(request); };
    router.add("POST", "/v2/models/{model}/infer", handler);
    router.add("POST", "/v2/models/{model}/versions/{version}/infer", handler);
    router.add("POST", "/v2/models/{model}/compare", handler);
    router.add("GET", "/v2/models/{model}", handler);
    router.add("GET", "/v2/models/{model}/ready", handler);
    router.add("POST", "/v1/tasks/{model}", handler);
    router.add("GET", "/v1/tasks/{model}", handler);
    router.add("POST", "/v1/embeddings", handler);
    http::ServerOptions options;
    options.port = port;
    options.workers = 8;
    options.tls = tls_;
    auto server = http::Server::start(std::move(options), std::move(router));
    HF_CHECK(server.ok(), "{}", server.status().to_string());
    server_ = std::move(*server);
    port_ = server_->port();
}

http::Response TestReplica::infer(const http::Request& request) {
    ++requests_;
    std::function<http::Response(const http::Request&)> handler;
    {
        MutexLock lock(mutex_);
        news_.wait_for(lock, kPatience, [this]() HF_REQUIRES(mutex_) { return !held_; });
        handler = handler_;
    }
    http::Response response;
    if (handler) {
        response = handler(request);
    } else {
        response.body = request.body;
    }
    response.headers.set("X-Test-Node", node_);
    return response;
}

void TestReplica::answer_with(std::function<http::Response(const http::Request&)> handler) {
    const MutexLock lock(mutex_);
    handler_ = std::move(handler);
}

void TestReplica::hold() {
    const MutexLock lock(mutex_);
    held_ = true;
}

void TestReplica::release() {
    {
        const MutexLock lock(mutex_);
        held_ = false;
    }
    news_.notify_all();
}

void TestReplica::kill() {
    release();
    server_.reset();
}

void TestReplica::revive() {
    start(port_);
}

SilentReplica::SilentReplica(std::string node, bool full) : node_(std::move(node)) {
    std::tie(socket_, port_) = listen_on_loopback(full ? 0 : 64);
    for (int i = 0; full && i < 4; ++i) waiting_.push_back(begin_connecting(port_));
}

SilentReplica::~SilentReplica() {
    for (const int socket : waiting_) ::close(socket);
    ::close(socket_);
}

Replica SilentReplica::replica() const {
    return replica_at(port_, node_);
}

RawReplica::RawReplica(std::string node, std::string answer, bool lingers)
    : node_(std::move(node)), answer_(std::move(answer)), lingers_(lingers) {
    std::tie(socket_, port_) = listen_on_loopback(64);
    thread_ = std::thread([this] { serve(); });
}

RawReplica::~RawReplica() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
}

Replica RawReplica::replica() const {
    return replica_at(port_, node_);
}

void RawReplica::serve() {
    for (;;) {
        const int peer = ::accept(socket_, nullptr, nullptr);
        if (peer < 0) return;
        std::array<char, 4096> request;
        static_cast<void>(::recv(peer, request.data(), request.size(), 0));
        static_cast<void>(::send(peer, answer_.data(), answer_.size(), MSG_NOSIGNAL));
        if (lingers_) static_cast<void>(::recv(peer, request.data(), request.size(), 0));
        ::close(peer);
    }
}

}  // namespace hf::serve::gateway
