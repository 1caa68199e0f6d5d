#include "cli/ensemble_file.h"

#include "cli/companions.h"
#include "crypto/hash.h"

namespace hf::cli {
namespace {

using serve::ensemble::EnsembleModel;
using serve::ensemble::Ensembles;
using serve::ensemble::Graph;

Result<Ensembles::Read> read(World& world, const std::string& path, const std::string& name) {
    const Bytes bytes = HF_TRY(world.files.read(path, serve::ensemble::kMaxDeclarationBytes));
    const Companions companions = HF_TRY(companions_beside(world, path));
    HF_TRY(check_ensemble_companions(companions));
    serve::ModelHost::Identity identity;
    identity.name = name;
    identity.platform = "ensemble";
    identity.model_digest = crypto::sha256(bytes).to_string();
    companions.describe_in(identity);
    Ensembles::Read read;
    read.declaration = as_text(bytes);
    read.digest = identity.model_digest + identity.task_digest;
    read.make = [&world, identity, companions](const std::shared_ptr<const Graph>& graph) {
        return make_ensemble_host(identity, companions, graph, world.clock);
    };
    return read;
}

}  // namespace

Status check_ensemble_companions(const Companions& companions) {
    if (!companions.guard && !companions.sequence) return {};
    return invalid_argument(
        "{}: an ensemble has a task at most, and neither guard nor state of its own; put a guard "
        "beside one of its models",
        companions.model);
}

Result<std::shared_ptr<serve::ModelHost>> make_ensemble_host(
    serve::ModelHost::Identity identity, const Companions& companions,
    const std::shared_ptr<const Graph>& graph, env::Clock& clock) {
    identity.members_digest = graph->members_digest();
    CompiledParts parts;
    parts.model = std::make_shared<const EnsembleModel>(graph);
    parts.own_outputs = graph->plan().signature.outputs.size();
    parts.file_digest = identity.model_digest;
    return make_host(std::move(identity), parts, companions, clock);
}

Ensembles::Reader ensemble_reader(World& world, std::string path, std::string name) {
    return [&world, path = std::move(path), name = std::move(name)] {
        return read(world, path, name).context("{}", path);
    };
}

}  // namespace hf::cli
