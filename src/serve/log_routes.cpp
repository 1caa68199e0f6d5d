#include "serve/log_routes.h"

#include "base/json.h"
#include "serve/log_calls.h"

namespace hf::serve {
namespace {

// `to`: null before.
Status read_value(std::string_view key, const json::Value& value, LogValue& to) {
    if (value.is_null()) return {};
    if (value.is_bool()) {
        to = value.get_bool();
    } else if (value.is_int64()) {
        to = value.get_int64();
    } else if (value.is_string()) {
        to = std::string(json::as_view(value.get_string()));
    } else {
        return invalid_argument("/{}: must be true, false, a whole number, a string or null", key);
    }
    return {};
}

Result<LogChange> read_change(const http::Request& request) {
    const json::Value root = HF_TRY(json::parse(as_text(request.body)));
    const json::Object* object = root.if_object();
    if (!object) return invalid_argument("the request must be a JSON object of settings");
    LogChange change;
    for (const auto& [name, value] : *object) {
        const std::string key(name.data(), name.size());
        HF_TRY(read_value(key, value, change[key]));
    }
    return change;
}

Result<LogDescription> change_as_asked(const Services& services, const http::Request& request) {
    if (request.headers.get("Origin")) {
        return permission_denied("no page in a browser changes what is logged; use a client");
    }
    if (const Access* const access = services.with.access) {
        HF_TRY(access->check(request.headers, Right::kLoad, ""));
    }
    const LogChange change = HF_TRY(read_change(request));
    return change_log_settings(services, change);
}

http::Response answer(const Result<LogDescription>& settings) {
    if (!settings.ok()) return http::Response::error(settings.status());
    json::Object object;
    for (const auto& [key, value] : *settings) {
        if (const bool* const truth = std::get_if<bool>(&value)) object[key] = *truth;
        if (const auto* const number = std::get_if<std::int64_t>(&value)) object[key] = *number;
        if (const auto* const text = std::get_if<std::string>(&value)) object[key] = *text;
    }
    return http::Response::json(200, json::write(object) + "\n");
}

}  // namespace

void add_log_routes(http::Router& router, const Services& services) {
    router.add("GET", "/v2/logging",
               [services](const http::Request&) { return answer(log_settings(services)); });
    router.add("POST", "/v2/logging", [services](const http::Request& request) {
        return answer(change_as_asked(services, request));
    });
}

}  // namespace hf::serve
