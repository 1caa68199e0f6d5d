// The other ends for this module's tests: raw sockets that say what no decent client or server
// would, a running server, and a body stream that the test feeds. Used by tests only.

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "http/server.h"

namespace hf::http {

// How long a test waits for what must happen.
inline constexpr auto kPatience = std::chrono::seconds(30);

// A client's socket to 127.0.0.1.
class RawSocket final {
public:
    explicit RawSocket(std::uint16_t port);
    ~RawSocket() { close(); }
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;

    bool send(std::string_view text);  // false when the peer takes no more
    std::string read_to_end();
    std::string read_until(std::string_view mark);  // up to and with it, or to the end
    std::string read(std::size_t size);             // so much, or to the end
    void close();

private:
    bool read_more();

    int socket_;
    std::string unread_;
};

// A server that reads one request's header a connection, says its piece and closes, unless it keeps
// connections open until its own end. Of several pieces, each is for one connection, and the last
// one for all that follow.
class RawServer final {
public:
    enum class Then : unsigned char { kCloses, kStays };

    explicit RawServer(std::string answer) : RawServer(std::vector{std::move(answer)}) {}
    explicit RawServer(std::vector<std::string> answers, Then then = Then::kCloses);
    ~RawServer();

    std::string url() const;
    std::size_t connections() const { return connections_; }
    std::size_t closed() const { return closed_; }

private:
    void serve();

    const std::vector<std::string> answers_;
    const Then then_;
    std::atomic<std::size_t> connections_{0}, closed_{0};
    std::vector<int> kept_;  // the thread's
    int socket_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

std::unique_ptr<Server> start(Router router, ServerOptions options = {});
std::string url_of(const Server& server, std::string_view path = "");

// A BodyStream's content, fed by the test; the stream itself belongs to the server.
class Feed final : public std::enable_shared_from_this<Feed> {
public:
    void push(std::string_view piece);
    void end();

    // A new stream over this feed.
    std::shared_ptr<BodyStream> stream();

    std::future<void> destroyed() { return destroyed_.get_future(); }
    std::function<void()> wake();

private:
    class Stream;

    Mutex mutex_;
    std::deque<Bytes> pieces_ HF_GUARDED_BY(mutex_);
    bool ended_ HF_GUARDED_BY(mutex_) = false;
    std::function<void()> wake_ HF_GUARDED_BY(mutex_);
    std::promise<void> destroyed_;
};

}  // namespace hf::http
