// Shadows: while a roll-out asks for it, requests that the previous version has answered go, with
// that answer, to a machine that has the next version, which compares (serve/compare_route.h) and
// tells its server. Nobody waits for it: offer() copies what it needs and returns; what there is no
// room for is dropped and counted. One request is under way at a time, so that the machine has time
// for those who do wait.
//
// Thread-safety: all methods from any thread. Thread "hf-shadows".

#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "env/clock.h"
#include "http/message.h"
#include "serve/gateway/balancer.h"
#include "serve/gateway/client_pool.h"

namespace hf::serve::gateway {

inline constexpr std::size_t kShadowsWaitingMax = 64;
inline constexpr std::size_t kShadowBytesMax = 16u << 20;  // of those that wait, in all
inline constexpr Duration kShadowTime = std::chrono::seconds(10);

class Shadows final {
public:
    // REQUIRES: both outlive it.
    Shadows(ClientPool& clients, const env::Clock& clock);
    ~Shadows();  // what waits is dropped
    Shadows(const Shadows&) = delete;
    Shadows& operator=(const Shadows&) = delete;

    struct Asked {
        std::string service;
        Balancer::ShadowChoice choice;
        std::shared_ptr<const Bytes> body;
        std::optional<std::size_t> json_bytes;  // of the body
    };
    void offer(Asked asked, const http::Response& answer);

    struct Counts {
        std::uint64_t agreed = 0;
        std::uint64_t differed = 0;
        std::uint64_t unanswered = 0;  // the machine could not be reached, or was busy
        std::uint64_t dropped = 0;     // for want of room
    };
    std::map<std::string, Counts> counts() const;  // by service

    // Counts of other services go.
    void keep_only(const std::set<std::string>& services);

private:
    struct Job {
        Asked asked;
        Bytes answer;
        std::optional<std::size_t> answer_json_bytes;
    };

    void run();
    Result<bool> compare(const Job& job);
    Status pulse(Duration end) const;

    ClientPool& clients_;
    const env::Clock& clock_;
    std::atomic<bool> stopping_{false};

    mutable Mutex mutex_;
    ConditionVariable news_;
    std::deque<Job> waiting_ HF_GUARDED_BY(mutex_);
    std::size_t waiting_bytes_ HF_GUARDED_BY(mutex_) = 0;
    std::map<std::string, Counts> counts_ HF_GUARDED_BY(mutex_);
    std::thread thread_;
};

// What Inference-Header-Content-Length says; nullopt without it, or where it is no number.
std::optional<std::size_t> json_bytes_of(const http::Headers& headers);

}  // namespace hf::serve::gateway
