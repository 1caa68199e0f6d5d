// Asks an upstream, and no longer than until its deadline: the question runs on one of
// kAskerThreads threads ("hf-cascade-N"), so that an upstream that takes connections and says
// nothing costs its caller the deadline and not a moment more. Nothing is asked twice, but over a
// connection that had waited and had ended meanwhile.
//
// Thread-safety: all methods from any thread. Destruction waits for what is under way, which is cut
// within a tenth of a second, a look-up of a name or a TCP connection that is being made excepted.

#pragma once

#include <atomic>
#include <memory>
#include <set>
#include <string>

#include "base/mutex.h"
#include "env/clock.h"
#include "http/client.h"
#include "serve/gateway/client_pool.h"
#include "serve/gateway/workers.h"

namespace hf::serve::cascade {

inline constexpr std::size_t kAskerThreads = 8;  // so many questions at a time; more are refused

class Asker final {
public:
    // REQUIRES: the clock outlives it.
    Asker(gateway::ClientOptionsOf options, const env::Clock& clock);
    ~Asker();
    Asker(const Asker&) = delete;
    Asker& operator=(const Asker&) = delete;

    // `request.url` is the path below the replica's URL; `deadline` is of the monotonic clock. Any
    // status is an answer. RESOURCE_EXHAUSTED: kAskerThreads are busy; DEADLINE_EXCEEDED;
    // otherwise what http::Client says.
    Result<http::Response> ask(const gateway::Replica& replica, http::ClientRequest request,
                               Instant deadline);

    // Of all other replicas, idle connections are closed.
    void keep_only(const std::set<std::string>& urls) { clients_.keep_only(urls); }

private:
    struct Question;

    Instant now() const { return Instant(clock_.monotonic()); }
    void answer(Question& question);
    Result<http::Response> send(Question& question);

    const env::Clock& clock_;
    gateway::ClientPool clients_;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> under_way_{0};
    gateway::Workers workers_;  // last: what they run uses the rest
};

}  // namespace hf::serve::cascade
