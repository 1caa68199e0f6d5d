#include "base/json.h"
#include "serve/gateway/gateway.h"

namespace hf::serve::gateway {
namespace {

http::Response answer(const json::Value& value, int status = 200) {
    return http::Response::json(status, json::write(value) + "\n");
}

http::Response server_metadata(const http::Request&) {
    return answer(json::Object{{"name", "holdfast"},
                               {"version", "0.1.0"},
                               {"extensions", json::Array{"binary_tensor_data"}}});
}

http::Response readiness(const Gateway& gateway) {
    const bool ready = gateway.ready();
    return answer(json::Object{{"live", true}, {"ready", ready}}, ready ? 200 : 503);
}

// Clients of the protocol read "ready" of whatever comes; people read why.
http::Response service_ready(Gateway& gateway, const http::Request& request) {
    http::Response response = gateway.forward(request, "/ready");
    if (response.headers.get("X-Holdfast-Node")) return response;
    const Result<json::Value> body = json::parse(as_text(response.body));
    json::Object object{{"name", request.path_parameter("service")}, {"ready", false}};
    if (body.ok()) object["error"] = json::get_string(*body, "error");
    http::Response own = answer(object, response.status);
    if (const auto again = response.headers.get("Retry-After")) {
        own.headers.set("Retry-After", std::string(*again));
    }
    return own;
}

bool has_ready_replica(const Balancer::ServiceView& service) {
    for (const Balancer::ReplicaView& replica : service.replicas) {
        if (replica.replica.ready && replica.health == Health::kServing) return true;
    }
    return false;
}

http::Response repository_index(const Gateway& gateway) {
    json::Array rows;
    for (const Balancer::ServiceView& service : gateway.view()) {
        const bool ready = has_ready_replica(service);
        rows.push_back({{"name", service.service},
                        {"state", ready ? "READY" : "UNAVAILABLE"},
                        {"reason", ready ? "" : "no replica is ready and reachable"}});
    }
    return answer(std::move(rows));
}

}  // namespace

void add_gateway_routes(http::Router& router, Gateway& gateway) {
    using Request = http::Request;
    router.add("GET", "/v2", server_metadata);
    router.add("GET", "/v2/health/live", [](const Request&) {
        return answer(json::Object{{"live", true}});
    });
    router.add("GET", "/v2/health/ready",
               [&gateway](const Request&) { return readiness(gateway); });
    for (const std::string base :
         {"/v2/models/{service}", "/v2/models/{service}/versions/{version}"}) {
        router.add("GET", base, [&gateway](const Request& r) { return gateway.forward(r, ""); });
        router.add("GET", base + "/ready",
                   [&gateway](const Request& r) { return service_ready(gateway, r); });
        router.add("POST", base + "/infer",
                   [&gateway](const Request& r) { return gateway.forward(r, "/infer"); });
    }
    router.add("POST", "/v2/repository/index",
               [&gateway](const Request&) { return repository_index(gateway); });
}

}  // namespace hf::serve::gateway
