// Replicas on loopback for the gateway's tests: one that answers, one that takes connections and
// says nothing, one that does not even do that. Used by tests only.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "http/server.h"
#include "serve/gateway/route.h"

namespace hf::serve::gateway {

// How long a test waits for what must happen.
inline constexpr auto kPatience = std::chrono::seconds(30);

// Answers every inference and every task with the request's body, and its own name in
// "X-Test-Node".
class TestReplica final {
public:
    explicit TestReplica(std::string node, std::optional<http::Tls> tls = std::nullopt);
    ~TestReplica();

    Replica replica() const;
    std::uint64_t requests() const { return requests_; }

    // The handler of the next requests, instead of the echo.
    void answer_with(std::function<http::Response(const http::Request&)> handler);

    // Requests wait from now on, until release(), which comes by itself at the end.
    void hold();
    void release();

    void kill();    // connections are cut, new ones refused
    void revive();  // on the same port

private:
    http::Response infer(const http::Request& request);
    void start(std::uint16_t port);

    const std::string node_;
    const std::optional<http::Tls> tls_;
    std::uint16_t port_ = 0;
    std::atomic<std::uint64_t> requests_{0};
    Mutex mutex_;
    ConditionVariable news_;
    bool held_ HF_GUARDED_BY(mutex_) = false;
    std::function<http::Response(const http::Request&)> handler_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<http::Server> server_;
};

// Listens and never accepts: the system takes connections and bytes for it.
class SilentReplica final {
public:
    // When `full`, so many connections wait already that the system ignores new ones.
    explicit SilentReplica(std::string node, bool full = false);
    ~SilentReplica();
    SilentReplica(const SilentReplica&) = delete;
    SilentReplica& operator=(const SilentReplica&) = delete;

    Replica replica() const;

private:
    const std::string node_;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::vector<int> waiting_;
};

// Reads what comes first, says always the same, and closes; when it `lingers`, only as soon as it
// is asked again on the same connection. What keeps connections to it goes before it.
class RawReplica final {
public:
    RawReplica(std::string node, std::string answer, bool lingers = false);
    ~RawReplica();
    RawReplica(const RawReplica&) = delete;
    RawReplica& operator=(const RawReplica&) = delete;

    Replica replica() const;

private:
    void serve();

    const std::string node_;
    const std::string answer_;
    const bool lingers_;
    int socket_ = -1;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

Replica replica_at(std::uint16_t port, std::string node, bool tls = false);

}  // namespace hf::serve::gateway
