#include "serve/repository_routes.h"

#include "base/json.h"
#include "serve/repository_calls.h"

namespace hf::serve {
namespace {

// The JSON object of a body that may be empty.
Result<json::Object> read_object(const http::Request& request) {
    if (request.body.empty()) return json::Object();
    const json::Value root = HF_TRY(json::parse(as_text(request.body)));
    const json::Object* object = root.if_object();
    if (!object) return invalid_argument("the request must be a JSON object, or empty");
    return *object;
}

Result<bool> wants_ready_alone(const http::Request& request) {
    const json::Object object = HF_TRY(read_object(request));
    const json::Value* ready = object.if_contains("ready");
    if (!ready) return false;
    if (!ready->is_bool()) return invalid_argument("/ready: must be true or false");
    return ready->get_bool();
}

http::Response repository_index(const Services& services, const http::Request& request) {
    const Result<bool> only_ready = wants_ready_alone(request);
    if (!only_ready.ok()) return http::Response::error(only_ready.status());
    json::Array rows;
    for (IndexRow& row : index_of(services, *only_ready)) {
        rows.push_back({{"name", std::move(row.name)},
                        {"version", std::move(row.version)},
                        {"state", std::move(row.state)},
                        {"reason", std::move(row.reason)}});
    }
    return http::Response::json(200, json::write(rows) + "\n");
}

Result<ChangeTerms> read_terms(const http::Request& request, Change change) {
    ChangeTerms terms;
    const json::Object object = HF_TRY(read_object(request));
    const json::Value* parameters = object.if_contains("parameters");
    if (!parameters) return terms;
    if (!parameters->is_object()) return invalid_argument("/parameters: must be an object");
    for (const auto& [name, value] : parameters->get_object()) {
        const std::optional<bool> truth =
            value.is_bool() ? std::optional<bool>(value.get_bool()) : std::nullopt;
        HF_TRY(take_parameter({{name.data(), name.size()}, truth}, change, terms));
    }
    return terms;
}

Status change_as_asked(const Services& services, const http::Request& request, Change change) {
    if (request.headers.get("Origin")) {
        return permission_denied("no page in a browser loads or unloads models; use a client");
    }
    const ChangeTerms terms = HF_TRY(read_terms(request, change));
    const ChangeOf of{request.path_parameter("model"), change, terms};
    HF_TRY(check_members(services, of, request.headers));
    return change_model(services, of);
}

http::Response answer_change(const Services& services, const http::Request& request,
                             Change change) {
    const Status status = change_as_asked(services, request, change);
    if (status.ok()) return http::Response::json(200, "{}\n");
    http::Response refusal = http::Response::error(status);
    if (status.code() == Code::kUnavailable) refusal.headers.set("Retry-After", "1");
    return refusal;
}

}  // namespace

void add_repository_routes(http::Router& router, const Services& services) {
    using Request = http::Request;
    const std::string model = "/v2/repository/models/{model}";
    router.add("POST", "/v2/repository/index",
               [services](const Request& r) { return repository_index(services, r); });
    router.add("POST", model + "/load",
               [services](const Request& r) { return answer_change(services, r, Change::kLoad); });
    router.add("POST", model + "/unload", [services](const Request& r) {
        return answer_change(services, r, Change::kUnload);
    });
}

}  // namespace hf::serve
