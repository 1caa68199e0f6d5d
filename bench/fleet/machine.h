// One machine as a control plane sees it: its own key, certificate and TLS connections. It joins,
// watches its Node on one connection, and on another sends heartbeats and reports what it is
// ordered to run as running. Nothing is pulled or computed.
//
// All of the fleet is on one event loop, whose thread owns it.

#pragma once

#include <openssl/ssl.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "base/json.h"
#include "base/rng.h"
#include "base/status.h"
#include "base/time.h"
#include "http/transport.h"

namespace hf::fleet {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

// So many may do something at a time; the others wait in order.
class Slots final {
public:
    Slots(boost::asio::io_context& loop, std::size_t free) : loop_(loop), free_(free) {}
    Awaitable<void> take();
    void give();

private:
    boost::asio::io_context& loop_;
    std::size_t free_;
    std::deque<std::shared_ptr<boost::asio::steady_timer>> waiting_;
};

struct Fleet {
    Fleet(boost::asio::ip::tcp::endpoint to, std::string root_pem, std::uint64_t seed);

    boost::asio::io_context loop{1};
    const boost::asio::ip::tcp::endpoint server;
    const std::string host;
    std::unique_ptr<boost::asio::ssl::context> tls;
    Slots joining;
    Slots connecting;
    Slots reporting;
    Rng rng;
    std::vector<std::string> tokens;
    std::size_t open = 0;     // machines whose watch is open
    std::size_t said = 0;     // machines that have reported for the first time
    std::size_t reports = 0;  // of a version that the machine did not have, since it was asked
    std::size_t refused = 0;  // answers that were none
    std::function<void()> on_news;
};

struct Answer {
    int status = 0;
    std::string body;
};

// What a machine was ordered to run, and what counts as another order.
struct Order {
    json::Value value;
    std::string version;  // its digest
    std::string rollout;
};

class Machine final {
public:
    Machine(Fleet& fleet, std::size_t index);

    Awaitable<void> join();
    Awaitable<void> watch_for_ever();
    Awaitable<void> speak_for_ever();

    bool is_joined() const { return certificate_ != nullptr; }

private:
    struct Free {
        void operator()(X509* certificate) const { X509_free(certificate); }
        void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    };
    struct Line {
        explicit Line(http::Transport made) : transport(std::move(made)) {}
        http::Transport transport;
        std::string pending;  // came, and was not read yet
    };

    Awaitable<std::unique_ptr<Line>> connect(bool as_itself);
    Awaitable<bool> fill(Line& line);
    Awaitable<bool> send(Line& line, std::string text);
    Awaitable<std::optional<std::string>> read_head(Line& line);
    Awaitable<std::optional<Answer>> exchange(Line& line, std::string request);
    Awaitable<std::optional<Answer>> say(std::string request);
    Awaitable<bool> follow(Line& line);
    Awaitable<bool> report();
    Awaitable<void> pause(Duration least, Duration most);
    Status take_certificate(const Answer& answer, const std::string& key_pem);
    void take(const json::Value& node);
    json::Value status() const;
    void set_open(bool open);

    Fleet& fleet_;
    const std::size_t index_;
    const std::string name_;
    std::unique_ptr<X509, Free> certificate_;
    std::vector<std::unique_ptr<X509, Free>> chain_;
    std::unique_ptr<EVP_PKEY, Free> key_;
    std::map<std::string, Order> orders_;
    std::map<std::string, std::string> reported_;  // versions by service
    std::int64_t generation_ = 0;
    bool open_ = false;
    bool to_report_ = true;
    bool has_reported_ = false;
    std::unique_ptr<Line> line_;      // the connection on which it speaks
    boost::asio::steady_timer next_;  // when it speaks
};

}  // namespace hf::fleet
