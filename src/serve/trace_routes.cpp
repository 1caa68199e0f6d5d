#include "serve/trace_routes.h"

#include "base/json.h"
#include "serve/trace_calls.h"

namespace hf::serve {
namespace {

// A string or a list of them; null clears the setting.
Result<TraceValues> read_values(std::string_view key, const json::Value& value) {
    TraceValues values;
    if (value.is_null()) return values;
    if (value.is_string()) {
        values.emplace_back(json::as_view(value.get_string()));
        return values;
    }
    const json::Array* list = value.if_array();
    for (std::size_t i = 0; list && i < list->size(); ++i) {
        const json::Value& one = (*list)[i];
        if (!one.is_string()) return invalid_argument("/{}/{}: must be a string", key, i);
        values.emplace_back(json::as_view(one.get_string()));
    }
    if (list && !values.empty()) return values;
    return invalid_argument("/{}: must be a string, some strings in an array, or null", key);
}

Result<TraceChange> read_change(const http::Request& request) {
    const json::Value root = HF_TRY(json::parse(as_text(request.body)));
    const json::Object* object = root.if_object();
    if (!object) return invalid_argument("the request must be a JSON object of settings");
    TraceChange change;
    for (const auto& [name, value] : *object) {
        const std::string key(name.data(), name.size());
        TraceValues values = HF_TRY(read_values(key, value));
        change.emplace(key, std::move(values));
    }
    return change;
}

Result<TraceSettings> change_as_asked(const Services& services, const http::Request& request) {
    const std::string_view model = request.path_parameter("model");
    if (request.headers.get("Origin")) {
        return permission_denied("no page in a browser changes what is traced; use a client");
    }
    if (const Access* const access = services.with.access) {
        HF_TRY(access->check(request.headers, Right::kLoad, model));
    }
    const TraceChange change = HF_TRY(read_change(request));
    return change_trace_settings(services, model, change);
}

http::Response answer(const Result<TraceSettings>& settings) {
    if (!settings.ok()) return http::Response::error(settings.status());
    json::Object object;
    for (const auto& [key, values] : describe_trace(*settings)) {
        if (key == "trace_level") {
            json::Array list;
            for (const std::string& value : values) list.emplace_back(std::string_view(value));
            object[key] = std::move(list);
        } else {
            object[key] = values.front();
        }
    }
    return http::Response::json(200, json::write(object) + "\n");
}

}  // namespace

void add_trace_routes(http::Router& router, const Services& services) {
    for (const char* path : {"/v2/trace/setting", "/v2/models/{model}/trace/setting"}) {
        router.add("GET", path, [services](const http::Request& r) {
            return answer(trace_settings(services, r.path_parameter("model")));
        });
        router.add("POST", path, [services](const http::Request& r) {
            return answer(change_as_asked(services, r));
        });
    }
}

}  // namespace hf::serve
