#include "serve/oip.h"

#include "base/json.h"
#include "base/text.h"
#include "serve/infer_request.h"

namespace hf::serve {
namespace {

constexpr std::string_view kLengthHeader = "Inference-Header-Content-Length";

http::Response answer(const json::Value& value, int status = 200) {
    return http::Response::json(status, json::write(value) + "\n");
}

// NOT_FOUND unless the path names this model, and this version where it names one.
Status check_model(const ModelHost& host, const http::Request& request) {
    const ModelHost::Identity& identity = host.identity();
    const std::string_view name = request.path_parameter("model");
    const std::string_view version = request.path_parameter("version");
    if (name != identity.name) {
        return not_found("model '{}' is not served here; '{}' is", name, identity.name);
    }
    if (!version.empty() && version != identity.version) {
        return not_found("model '{}' has no version '{}'; it has '{}'", name, version,
                         identity.version);
    }
    return {};
}

json::Array describe(const std::vector<runtime::Port>& ports) {
    json::Array rows;
    for (const runtime::Port& port : ports) {
        json::Array shape;
        for (std::int64_t extent : port.shape) shape.emplace_back(extent);
        rows.push_back(
            {{"name", port.name}, {"datatype", oip_name(port.dtype)}, {"shape", std::move(shape)}});
    }
    return rows;
}

http::Response server_metadata(const http::Request&) {
    return answer(json::Object{{"name", "holdfast"},
                               {"version", "0.1.0"},
                               {"extensions", json::Array{"binary_tensor_data"}}});
}

http::Response model_metadata(const ModelHost& host, const http::Request& request) {
    if (const Status status = check_model(host, request); !status.ok()) {
        return http::Response::error(status);
    }
    const ModelHost::Identity& identity = host.identity();
    return answer(json::Object{{"name", identity.name},
                               {"versions", json::Array{json::Value(identity.version)}},
                               {"platform", identity.platform},
                               {"inputs", describe(host.signature().inputs)},
                               {"outputs", describe(host.signature().outputs)}});
}

// The field names are those that clients look for: KServe reads "ready" and "live", others only the
// status.
http::Response readiness(const ModelHost& host) {
    const bool ready = host.ready();
    return answer(json::Object{{"live", true}, {"ready", ready}}, ready ? 200 : 503);
}

http::Response model_ready(const ModelHost& host, const http::Request& request) {
    const bool known = check_model(host, request).ok();
    const bool ready = known && host.ready();
    return answer(json::Object{{"name", request.path_parameter("model")}, {"ready", ready}},
                  !known ? 404 : (ready ? 200 : 503));
}

Result<std::optional<std::size_t>> json_length(const http::Request& request) {
    const std::optional<std::string_view> header = request.headers.get(kLengthHeader);
    if (!header) return std::optional<std::size_t>();
    const std::int64_t length = HF_TRY(parse_int(*header).context("{}", kLengthHeader));
    if (length < 0) return invalid_argument("{} is negative", kLengthHeader);
    return std::optional<std::size_t>(static_cast<std::size_t>(length));
}

Result<http::Response> try_infer(ModelHost& host, const http::Request& request) {
    HF_TRY(check_model(host, request));
    const std::optional<std::size_t> length = HF_TRY(json_length(request));
    const InferRequest parsed = HF_TRY(parse_infer_request(request.body, length, host.signature()));
    const ModelHost::Identity& identity = host.identity();
    const Answer result{identity.name, identity.version, HF_TRY(host.infer(parsed.inputs))};
    InferBody body = HF_TRY(write_infer_response(parsed, result, host.signature()));
    http::Response response;
    response.body = std::move(body.bytes);
    response.headers.set("Content-Type",
                         body.json_bytes ? "application/octet-stream" : "application/json");
    if (body.json_bytes) {
        response.headers.set(std::string(kLengthHeader), fmt::format("{}", *body.json_bytes));
    }
    return response;
}

http::Response infer(ModelHost& host, const http::Request& request) {
    Result<http::Response> response = try_infer(host, request);
    if (response.ok()) return std::move(*response);
    host.count_refused();
    return http::Response::error(response.status());
}

http::Response metrics(const ModelHost& host) {
    http::Response response = http::Response::text(200, host.metrics());
    response.headers.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    return response;
}

}  // namespace

void add_oip_routes(http::Router& router, ModelHost& host) {
    using Request = http::Request;
    router.add("GET", "/v2", server_metadata);
    router.add("GET", "/v2/health/live", [](const Request&) {
        return answer(json::Object{{"live", true}});
    });
    router.add("GET", "/v2/health/ready", [&host](const Request&) { return readiness(host); });
    for (const std::string base : {"/v2/models/{model}", "/v2/models/{model}/versions/{version}"}) {
        router.add("GET", base, [&host](const Request& r) { return model_metadata(host, r); });
        router.add("GET", base + "/ready",
                   [&host](const Request& r) { return model_ready(host, r); });
        router.add("POST", base + "/infer", [&host](const Request& r) { return infer(host, r); });
    }
    router.add("GET", "/metrics", [&host](const Request&) { return metrics(host); });
}

}  // namespace hf::serve
