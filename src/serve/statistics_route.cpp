#include "serve/statistics_route.h"

#include "base/json.h"

namespace hf::serve {
namespace {

using Host = std::shared_ptr<ModelHost>;

json::Object describe(const Statistics::Total& total) {
    return {{"count", total.count}, {"ns", total.time.count()}};
}

json::Object describe_times(const Statistics& statistics) {
    return {{"success", describe(statistics.succeeded)},
            {"fail", describe(statistics.failed)},
            {"queue", describe(statistics.queue)},
            {"compute_input", describe(statistics.input)},
            {"compute_infer", describe(statistics.infer)},
            {"compute_output", describe(statistics.output)},
            {"cache_hit", describe(statistics.cache_hit)},
            {"cache_miss", describe(statistics.cache_miss)}};
}

json::Object describe(const ModelHost& host) {
    const Statistics statistics = host.statistics();
    json::Array batches;
    for (std::size_t i = 0; i < statistics.batch_sizes; ++i) {
        const Statistics::Batch& batch = statistics.batches[i];
        batches.push_back({{"batch_size", batch.size},
                           {"compute_input", describe(batch.input)},
                           {"compute_infer", describe(batch.infer)},
                           {"compute_output", describe(batch.output)}});
    }
    json::Array memory;
    if (const std::uint64_t bytes = host.memory_bytes()) {
        memory.push_back({{"type", "CPU"}, {"id", 0}, {"byte_size", bytes}});
    }
    return {{"name", host.identity().name},
            {"version", host.identity().version},
            {"last_inference", last_inference_ms(statistics)},
            {"inference_count", statistics.inferences},
            {"execution_count", statistics.executions},
            {"inference_stats", describe_times(statistics)},
            {"batch_stats", std::move(batches)},
            {"memory_usage", std::move(memory)},
            {"response_stats", json::Object()}};
}

http::Response statistics(const Services& services, const http::Request& request) {
    const Result<std::vector<Host>> hosts =
        find_models(services, request.path_parameter("model"), request.path_parameter("version"));
    if (!hosts.ok()) return http::Response::error(hosts.status());
    json::Array rows;
    for (const Host& host : *hosts) rows.push_back(describe(*host));
    return http::Response::json(200,
                                json::write(json::Object{{"model_stats", std::move(rows)}}) + "\n");
}

}  // namespace

Result<std::vector<Host>> find_models(const Services& services, std::string_view name,
                                      std::string_view version) {
    if (name.empty() && version.empty()) return services.models.all();
    if (name.empty()) return invalid_argument("name: must be given where a version is");
    Host one = HF_TRY(find_model(services, name, version));
    if (version.empty()) return services.models.versions(name);
    return std::vector<Host>{std::move(one)};
}

std::uint64_t last_inference_ms(const Statistics& statistics) {
    const auto since = std::chrono::floor<std::chrono::milliseconds>(statistics.last);
    return static_cast<std::uint64_t>(since.time_since_epoch().count());
}

void add_statistics_routes(http::Router& router, const Services& services) {
    for (const char* path : {"/v2/models/stats", "/v2/models/{model}/stats",
                             "/v2/models/{model}/versions/{version}/stats"}) {
        router.add("GET", path,
                   [services](const http::Request& r) { return statistics(services, r); });
    }
}

}  // namespace hf::serve
