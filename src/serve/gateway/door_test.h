// A gateway behind its routes, for the gateway's tests: asked without a socket in between, or with
// one. Used by tests only.

#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "serve/gateway/gateway.h"
#include "serve/gateway/replicas_test.h"
#include "testing/real_clock.h"
#include "testing/script.h"

namespace hf::serve::gateway {

inline double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

inline std::string body_of(const http::Response& response) {
    return std::string(trim(as_text(response.body)));
}

inline std::string header_of(const http::Response& response, std::string_view name) {
    return std::string(response.headers.get(name).value_or(""));
}

struct Door {
    testing::RealClock clock;
    std::unique_ptr<Gateway> gateway;
    http::Router router;
    std::unique_ptr<http::Server> server;

    explicit Door(GatewayOptions options = {}) {
        options.seed = testing::seed();
        auto made = Gateway::create(std::move(options), clock);
        HF_CHECK(made.ok(), "{}", made.status().to_string());
        gateway = std::move(*made);
        add_gateway_routes(router, *gateway);
    }

    void set(std::vector<Replica> replicas, Residency residency = {}) {
        const Status status =
            gateway->set_routes({{"s", std::move(replicas), std::move(residency)}});
        HF_CHECK(status.ok(), "{}", status.to_string());
    }

    void listen(std::size_t workers) {
        http::ServerOptions options;
        options.workers = workers;
        server = std::move(*http::Server::start(std::move(options), router));
    }

    http::Response ask(std::string method, std::string target, Bytes body = {},
                       const http::Headers& headers = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = std::move(body);
        request.headers = headers;
        return http::dispatch(router, std::move(request));
    }

    http::Response infer(std::string_view body = "x", const http::Headers& headers = {}) {
        return ask("POST", "/v2/models/s/infer", to_bytes(body), headers);
    }

    Balancer::ReplicaView of(const std::string& node) const {
        for (const auto& service : gateway->view()) {
            for (const auto& view : service.replicas) {
                if (view.replica.node == node) return view;
            }
        }
        return {};
    }

    // Attempts that nobody waits for any more end within a moment.
    bool all_ended() const {
        const Duration end = clock.monotonic() + kPatience;
        while (clock.monotonic() < end) {
            std::size_t in_flight = 0;
            for (const auto& service : gateway->view()) {
                for (const auto& view : service.replicas) in_flight += view.in_flight;
            }
            if (in_flight == 0) return true;
            std::this_thread::yield();
        }
        return false;
    }
};

inline http::Headers with(const std::string& name, std::string value) {
    http::Headers headers;
    headers.set(name, std::move(value));
    return headers;
}

}  // namespace hf::serve::gateway
