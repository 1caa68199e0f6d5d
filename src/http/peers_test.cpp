#include "http/peers_test.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/check.h"

namespace hf::http {
namespace {

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

bool send_all(int socket, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        if (count <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

void set_patience(int socket) {
    timeval patience{};
    patience.tv_sec = std::chrono::seconds(kPatience).count();
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

RawSocket::RawSocket(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    set_patience(socket_);
    const sockaddr_in address = loopback(port);
    HF_CHECK(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

bool RawSocket::send(std::string_view text) {
    return send_all(socket_, text);
}

bool RawSocket::read_more() {
    char buffer[4096];
    const ssize_t count = ::recv(socket_, buffer, sizeof buffer, 0);
    if (count < 0 && errno == EAGAIN) unread_ += "[the server said nothing more]";
    if (count <= 0) return false;
    unread_.append(buffer, static_cast<std::size_t>(count));
    return true;
}

std::string RawSocket::read_to_end() {
    while (read_more()) {
    }
    return std::exchange(unread_, {});
}

std::string RawSocket::read_until(std::string_view mark) {
    std::size_t at = unread_.find(mark);
    while (at == std::string::npos && read_more()) at = unread_.find(mark);
    if (at == std::string::npos) return std::exchange(unread_, {});
    std::string text = unread_.substr(0, at + mark.size());
    unread_.erase(0, text.size());
    return text;
}

std::string RawSocket::read(std::size_t size) {
    while (unread_.size() < size && read_more()) {
    }
    std::string text = unread_.substr(0, size);
    unread_.erase(0, text.size());
    return text;
}

void RawSocket::close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
}

RawServer::RawServer(std::vector<std::string> answers, Then then)
    : answers_(std::move(answers)), then_(then), socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    HF_CHECK(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), size) == 0);
    HF_CHECK(::listen(socket_, 8) == 0);
    HF_CHECK(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

RawServer::~RawServer() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    for (const int peer : kept_) ::close(peer);
    ::close(socket_);
}

std::string RawServer::url() const {
    return fmt::format("http://127.0.0.1:{}/", port_);
}

void RawServer::serve() {
    for (;;) {
        const int peer = ::accept(socket_, nullptr, nullptr);
        if (peer < 0) return;
        set_patience(peer);
        std::string request;
        char byte = 0;
        while (!request.ends_with("\r\n\r\n") && ::recv(peer, &byte, 1, 0) == 1) request += byte;
        send_all(peer, answers_[std::min(connections_++, answers_.size() - 1)]);
        if (then_ == Then::kStays) {
            kept_.push_back(peer);
        } else {
            ::close(peer);
            ++closed_;
        }
    }
}

std::unique_ptr<Server> start(Router router, ServerOptions options) {
    Result<std::unique_ptr<Server>> server = Server::start(std::move(options), std::move(router));
    HF_CHECK(server.ok(), "{}", server.status().to_string());
    return std::move(server).value();
}

std::string url_of(const Server& server, std::string_view path) {
    return fmt::format("http://127.0.0.1:{}{}", server.port(), path);
}

class Feed::Stream final : public BodyStream {
public:
    explicit Stream(std::shared_ptr<Feed> feed) : feed_(std::move(feed)) {}
    ~Stream() override { feed_->destroyed_.set_value(); }

    void start(std::function<void()> wake) override {
        const MutexLock lock(feed_->mutex_);
        feed_->wake_ = std::move(wake);
    }

    std::optional<Bytes> next() override {
        const MutexLock lock(feed_->mutex_);
        if (feed_->pieces_.empty()) {
            return feed_->ended_ ? std::nullopt : std::optional<Bytes>(Bytes());
        }
        Bytes piece = std::move(feed_->pieces_.front());
        feed_->pieces_.pop_front();
        return piece;
    }

private:
    std::shared_ptr<Feed> feed_;
};

void Feed::push(std::string_view piece) {
    {
        const MutexLock lock(mutex_);
        pieces_.push_back(to_bytes(piece));
    }
    if (const auto wake_server = wake()) wake_server();
}

void Feed::end() {
    {
        const MutexLock lock(mutex_);
        ended_ = true;
    }
    if (const auto wake_server = wake()) wake_server();
}

std::function<void()> Feed::wake() {
    const MutexLock lock(mutex_);
    return wake_;
}

std::shared_ptr<BodyStream> Feed::stream() {
    return std::make_shared<Stream>(shared_from_this());
}

}  // namespace hf::http
