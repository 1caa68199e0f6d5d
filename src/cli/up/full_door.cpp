#include "cli/up/full_door.h"

#include "cli/companions.h"
#include "cli/returning_memory.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/sleep/sleeping_model.h"
#include "serve/tasks/routes.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

void add_routes(http::Router& router, http::ServerOptions& door, const serve::Services& services,
                const env::Clock& clock) {
    serve::add_extension_routes(router, services);
    serve::tasks::add_task_routes(router, services);
    serve::grpc::add_grpc(router, door, services, clock);
}

// From the artifact, whose files are all under the digest that was verified.
Result<Companions> companions_in(const node::Activation& activation) {
    return companions_of(
        activation.file,
        [&](std::string_view ending, std::size_t bytes_max) -> Result<std::optional<Bytes>> {
            const auto found = activation.beside.find(ending);
            if (found == activation.beside.end()) return std::optional<Bytes>();
            const ByteView bytes = found->second->bytes();
            if (bytes.size() > bytes_max) {
                return resource_exhausted("{}{} has {} bytes; the limit is {}", activation.file,
                                          ending, bytes.size(), bytes_max);
            }
            return std::optional<Bytes>(Bytes(bytes.begin(), bytes.end()));
        });
}

// What the model in the artifact is called by itself, as a guard names it.
std::string digest_in(const node::Activation& activation) {
    std::map<std::string, Digest> data;
    for (const node::DataFile& file : activation.data) data.emplace(file.name, file.digest);
    return trust::model_digest(activation.file_digest, data).to_string();
}

Result<std::shared_ptr<serve::ModelHost>> make_host_of(serve::ModelHost::Identity identity,
                                                       const node::Activation& activation,
                                                       env::Clock& clock) {
    const Companions companions = HF_TRY(companions_in(activation));
    companions.describe_in(identity);
    CompiledParts parts{activation.model, activation.model->signature().outputs.size(),
                        digest_in(activation)};
    std::shared_ptr<serve::sleep::SleepingModel> sleeping;
    if (activation.again) {
        sleeping = std::make_shared<serve::sleep::SleepingModel>(
            returning_memory(activation.model),
            [again = activation.again]() -> Result<std::shared_ptr<const runtime::CompiledModel>> {
                return returning_memory(HF_TRY(again()));
            },
            clock);
        parts.model = sleeping;
    }
    std::shared_ptr<serve::ModelHost> host =
        HF_TRY(make_host(std::move(identity), parts, companions, clock));
    host->set_resting(std::move(sleeping));
    return host;
}

}  // namespace

const DoorExtras& full_door() {
    static constexpr DoorExtras kExtras{add_routes, make_host_of};
    return kExtras;
}

}  // namespace hf::cli
