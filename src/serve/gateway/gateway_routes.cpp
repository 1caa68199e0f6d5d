#include "base/json.h"
#include "serve/gateway/gateway.h"
#include "serve/gateway/service_index.h"
#include "serve/gateway/task_routes.h"

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

Result<http::Response> ask(Gateway& gateway, const http::Request& request, std::string_view what) {
    const ModelName model{request.path_parameter("service"), request.path_parameter("version")};
    return gateway.forward(request, model_errand(model, what));
}

http::Response forward(Gateway& gateway, const http::Request& request, std::string_view what) {
    Result<http::Response> response = ask(gateway, request, what);
    return response.ok() ? std::move(*response) : refusal(response.status());
}

// Clients of the protocol read "ready" of whatever comes; people read why.
http::Response service_ready(Gateway& gateway, const http::Request& request) {
    Result<http::Response> response = ask(gateway, request, "/ready");
    if (response.ok()) return std::move(*response);
    http::Response own = refusal(response.status());
    own.body = to_bytes(json::write(json::Object{{"name", request.path_parameter("service")},
                                                 {"ready", false},
                                                 {"error", response.status().message()}}) +
                        "\n");
    return own;
}

http::Response repository_index(const Gateway& gateway) {
    json::Array rows;
    for (const IndexRow& row : service_index(gateway)) {
        rows.push_back({{"name", row.name}, {"state", row.state}, {"reason", row.reason}});
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
        router.add("GET", base, [&gateway](const Request& r) { return forward(gateway, r, ""); });
        router.add("GET", base + "/ready",
                   [&gateway](const Request& r) { return service_ready(gateway, r); });
        router.add("POST", base + "/infer",
                   [&gateway](const Request& r) { return forward(gateway, r, "/infer"); });
    }
    router.add("POST", "/v2/repository/index",
               [&gateway](const Request&) { return repository_index(gateway); });
    add_task_routes(router, gateway);
}

}  // namespace hf::serve::gateway
