#include "serve/repository_calls.h"

#include <algorithm>

#include "serve/trace_calls.h"

namespace hf::serve {

std::vector<std::string_view> extensions_of(const Services& services) {
    std::vector<std::string_view> extensions{"binary_tensor_data"};
    if (services.with.repository) extensions.push_back("model_repository");
    extensions.push_back("statistics");
    if (services.with.scheduler) extensions.push_back("schedule_policy");
    if (services.with.regions) extensions.push_back("system_shared_memory");
    if (has_tracing(services)) extensions.push_back("trace");
    const std::vector<std::shared_ptr<ModelHost>> hosts = services.models.all();
    const bool keeps_state = std::any_of(
        hosts.begin(), hosts.end(), [](const auto& host) { return host->sequences() != nullptr; });
    if (keeps_state) extensions.insert(extensions.end(), {"sequence", "sequence(string_id)"});
    return extensions;
}

std::vector<IndexRow> index_of(const Services& services, bool only_ready) {
    std::vector<IndexRow> rows;
    if (services.with.repository) {
        rows = services.with.repository->index();
    } else {
        for (const std::shared_ptr<ModelHost>& host : services.models.all()) {
            rows.push_back({host->identity().name, host->identity().version,
                            host->ready() ? "READY" : "UNAVAILABLE", ""});
        }
    }
    if (only_ready) {
        std::erase_if(rows, [](const IndexRow& row) { return row.state != "READY"; });
    }
    return rows;
}

Status change_model(const Services& services, std::string_view name, Change change) {
    if (ModelRepository* const repository = services.with.repository) {
        return change == Change::kLoad ? repository->load(name) : repository->unload(name);
    }
    const std::shared_ptr<ModelHost> host = services.models.find(name);
    const std::string service = host ? host->identity().service : "";
    return failed_precondition(
        "models are declared by Services here, and no call loads or unloads one; edit the "
        "Service{} instead (holdfast apply, or delete)",
        service.empty() ? "" : fmt::format(" '{}'", service));
}

}  // namespace hf::serve
