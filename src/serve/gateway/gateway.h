// The gateway of a server: takes requests of the Open Inference Protocol for a service and has
// them answered by the best replica on another machine. What it decides is in balancer.h and
// call.h; this is the shell with threads, sockets and a clock.
//
// It needs nobody to go on: the table of routes stays as it was last set. A request is answered by
// one replica, as that one answers it, with X-Holdfast-Node added; what the gateway itself has to
// say comes in the protocol's form, {"error": text}.
//
// Threads: each request holds the server's worker that it came on until it is answered, so
// http::ServerOptions::workers bounds how many are under way. The attempts run on GatewayOptions::
// threads threads ("hf-gateway-N"); a hedge needs one that is free and is left out otherwise. An
// attempt that lost, or whose request's time is up, frees its thread within a tenth of a second.
// Comparisons of versions, which nobody waits for, have a thread of their own (shadows.h).
//
// Thread-safety: all methods from any thread. Destroy it after the server that it is routed from.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "env/clock.h"
#include "http/server.h"
#include "serve/gateway/balancer.h"
#include "serve/gateway/call.h"
#include "serve/gateway/client_pool.h"
#include "serve/gateway/forwarding.h"
#include "serve/gateway/shadows.h"
#include "serve/gateway/workers.h"

namespace hf::serve::gateway {

inline constexpr std::size_t kThreadsMax = 1024;

struct GatewayOptions {
    std::string site;                // of this gateway; replicas there come first
    ClientOptionsOf client_options;  // certificates by replica; null: none are shown
    std::size_t threads = 64;
    std::uint64_t seed = 1;  // of the draws between replicas; give gateways different ones

    // A request that does not say how long it waits. Not longer than kTimeoutMax.
    Duration timeout = std::chrono::seconds(60);

    // A replica that says nothing for so long is taken for dead. Longer than the slowest model.
    Duration silence_max = std::chrono::seconds(30);
};

class Gateway final {
    struct Private {
        explicit Private() = default;
    };

public:
    // INVALID_ARGUMENT names the option that is out of its bounds. REQUIRES: the clock outlives it.
    static Result<std::unique_ptr<Gateway>> create(GatewayOptions options, const env::Clock& clock);
    Gateway(Private, GatewayOptions options, const env::Clock& clock);
    ~Gateway();
    Gateway(const Gateway&) = delete;
    Gateway& operator=(const Gateway&) = delete;

    // Replaces the table; requests under way end as they would have. All that is sound counts;
    // INVALID_ARGUMENT names what was left out.
    Status set_routes(std::vector<Route> routes);

    // A replica's answer. An error is the gateway's own word; refusal() (forwarding.h) says it over
    // REST. Of the request count method, headers, body and given_up.
    Result<http::Response> forward(const http::Request& request, const Errand& errand);

    // False before the first table, and when withdrawn so that balancers look elsewhere.
    bool ready() const { return ready_ && has_routes_; }
    void set_ready(bool ready) { ready_ = ready; }

    std::vector<Balancer::ServiceView> view() const;
    std::string metrics() const;  // Prometheus text

private:
    class Exchange;

    Instant now() const { return Instant(clock_.monotonic()); }
    std::size_t drive(const std::shared_ptr<Exchange>& exchange, Status& failure);
    void start(const std::shared_ptr<Exchange>& exchange, const Call::Send& send);
    void attempt(Exchange& exchange, const Call::Send& send);
    Result<http::Response> ask(Exchange& exchange, const Call::Send& send);
    void shadow(const http::Request& request, const Exchange& exchange,
                const http::Response& answer);

    const GatewayOptions options_;
    const env::Clock& clock_;
    ClientPool clients_;
    std::atomic<bool> ready_{true};
    std::atomic<bool> has_routes_{false};
    std::atomic<bool> stopping_{false};

    mutable Mutex mutex_;
    Balancer balancer_ HF_GUARDED_BY(mutex_);
    Rng rng_ HF_GUARDED_BY(mutex_);

    Shadows shadows_;
    Workers workers_;  // last: what they run uses the rest
};

// /v2, /v2/health/live and /ready, /v2/models/{service}[/versions/{version}], .../ready,
// .../infer, /v2/repository/index, /v1/tasks/{service} and /v1/embeddings. The same paths as
// add_oip_routes() and add_task_routes() have: one router has the ones or the others.
// REQUIRES: the gateway outlives the server that the router goes into.
void add_gateway_routes(http::Router& router, Gateway& gateway);

}  // namespace hf::serve::gateway
