#include "serve/shared_memory/routes.h"

#include "base/json.h"
#include "serve/json_count.h"
#include "serve/shared_memory/calls.h"

namespace hf::serve {
namespace {

Result<std::uint64_t> read_count(const json::Object& object, std::string_view key,
                                 const json::Value& fallback) {
    const json::Value* given = object.if_contains(key);
    const std::optional<std::uint64_t> count = count_of(given ? *given : fallback);
    if (count) return *count;
    return invalid_argument("/{}: must be given, as a whole number of bytes below 2^64", key);
}

Result<Regions::Row> read_region(const http::Request& request) {
    const json::Value root = HF_TRY(json::parse(as_text(request.body)));
    const json::Object* object = root.if_object();
    if (!object) return invalid_argument("the request must be a JSON object");
    Regions::Row row;
    row.name = request.path_parameter("region");
    const json::Value* key = object->if_contains("key");
    if (!key || !key->is_string()) {
        return invalid_argument("/key: must be given, as the name of the shared memory");
    }
    row.key = json::as_view(key->get_string());
    row.offset = HF_TRY(read_count(*object, "offset", 0));
    row.byte_size = HF_TRY(read_count(*object, "byte_size", nullptr));
    return row;
}

// The answer to a change is empty.
http::Response answer_change(const http::Request& request, const std::function<Status()>& change) {
    if (request.headers.get("Origin")) {
        return http::Response::error(
            permission_denied("no page in a browser changes shared memory; use a client"));
    }
    const Status status = change();
    return status.ok() ? http::Response::json(200, "{}\n") : http::Response::error(status);
}

http::Response status(const Services& services, const http::Request& request) {
    const auto rows = region_status(services, request.path_parameter("region"));
    if (!rows.ok()) return http::Response::error(rows.status());
    json::Array list;
    for (const Regions::Row& row : *rows) {
        list.push_back({{"name", row.name},
                        {"key", row.key},
                        {"offset", row.offset},
                        {"byte_size", row.byte_size}});
    }
    return http::Response::json(200, json::write(list) + "\n");
}

http::Response cuda_status(const http::Request& request) {
    const Status status = cuda_region_status(request.path_parameter("region"));
    return status.ok() ? http::Response::json(200, "[]\n") : http::Response::error(status);
}

void add_system_routes(http::Router& router, const Services& services) {
    using Request = http::Request;
    const std::string all = "/v2/systemsharedmemory";
    const std::string one = all + "/region/{region}";
    for (const std::string& base : {all, one}) {
        router.add("GET", base + "/status",
                   [services](const Request& r) { return status(services, r); });
        router.add("POST", base + "/unregister", [services](const Request& r) {
            return answer_change(
                r, [&] { return unregister_region(services, r.path_parameter("region")); });
        });
    }
    router.add("POST", one + "/register", [services](const Request& r) {
        return answer_change(r, [&]() -> Status {
            Regions::Row row = HF_TRY(read_region(r));
            return register_region(services, std::move(row));
        });
    });
}

void add_cuda_routes(http::Router& router) {
    using Request = http::Request;
    const std::string all = "/v2/cudasharedmemory";
    const std::string one = all + "/region/{region}";
    for (const std::string& base : {all, one}) {
        router.add("GET", base + "/status", cuda_status);
        router.add("POST", base + "/unregister",
                   [](const Request& r) { return answer_change(r, [] { return Status(); }); });
    }
    router.add("POST", one + "/register", [](const Request& r) {
        return answer_change(r, [&] { return register_cuda_region(r.path_parameter("region")); });
    });
}

}  // namespace

void add_shared_memory_routes(http::Router& router, const Services& services) {
    add_system_routes(router, services);
    add_cuda_routes(router);
}

}  // namespace hf::serve
