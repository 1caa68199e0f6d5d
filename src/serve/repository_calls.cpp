#include "serve/repository_calls.h"

#include <algorithm>

#include "serve/log_calls.h"
#include "serve/trace_calls.h"

namespace hf::serve {

std::vector<std::string_view> extensions_of(const Services& services) {
    std::vector<std::string_view> extensions{"binary_tensor_data"};
    if (services.with.repository) extensions.push_back("model_repository");
    extensions.push_back("statistics");
    if (services.with.scheduler) extensions.push_back("schedule_policy");
    if (services.with.regions) extensions.push_back("system_shared_memory");
    if (has_tracing(services)) extensions.push_back("trace");
    if (has_logging(services)) extensions.push_back("logging");
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

Status check_members(const Services& services, const ChangeOf& change,
                     const http::Headers& headers) {
    const Access* const access = services.with.access;
    const ModelRepository* const repository = services.with.repository;
    if (!access || !repository || !change.terms.dependents) return {};
    for (const std::string& member : repository->members_alone_for(change.model)) {
        HF_TRY(access->check(headers, Right::kLoad, member));
    }
    return {};
}

Status change_model(const Services& services, const ChangeOf& change) {
    if (ModelRepository* const repository = services.with.repository) {
        if (change.change == Change::kLoad) return repository->load(change.model);
        return repository->unload(change.model, change.terms.dependents);
    }
    const std::shared_ptr<ModelHost> host = services.models.find(change.model);
    const std::string service = host ? host->identity().service : "";
    return failed_precondition(
        "models are declared by Services here, and no call loads or unloads one; edit the "
        "Service{} instead (holdfast apply, or delete)",
        service.empty() ? "" : fmt::format(" '{}'", service));
}

}  // namespace hf::serve
