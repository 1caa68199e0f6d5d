#include "cli/ensemble_file.h"

#include "cli/companions.h"
#include "crypto/hash.h"

namespace hf::cli {
namespace {

using serve::ensemble::EnsembleModel;
using serve::ensemble::Ensembles;
using serve::ensemble::Graph;

// An ensemble as its files were read.
struct EnsembleFile {
    World& world;
    std::string path;
    serve::ModelHost::Identity identity;
    Companions companions;

    Result<std::shared_ptr<serve::ModelHost>> make_host(
        const std::shared_ptr<const Graph>& graph) const {
        serve::ModelHost::Identity of = identity;
        of.members_digest = graph->members_digest();
        CompiledParts parts;
        parts.model = std::make_shared<const EnsembleModel>(graph);
        parts.own_outputs = graph->plan().signature.outputs.size();
        parts.file_digest = identity.model_digest;
        return cli::make_host(std::move(of), parts, companions, world.clock);
    }
};

Result<Ensembles::Read> read(World& world, const std::string& path, const std::string& name) {
    const Bytes bytes = HF_TRY(world.files.read(path, serve::ensemble::kMaxDeclarationBytes));
    EnsembleFile file{world, path, {}, {}};
    file.companions = HF_TRY(companions_beside(world, path));
    if (file.companions.guard || file.companions.sequence) {
        return invalid_argument(
            "{}: an ensemble has a task at most, and neither guard nor state of its own; put a "
            "guard beside one of its models",
            path);
    }
    file.identity.name = name;
    file.identity.platform = "ensemble";
    file.identity.model_digest = crypto::sha256(bytes).to_string();
    file.companions.describe_in(file.identity);
    Ensembles::Read read;
    read.declaration = as_text(bytes);
    read.digest = file.identity.model_digest + file.identity.task_digest;
    read.make = [file](const std::shared_ptr<const Graph>& graph) { return file.make_host(graph); };
    return read;
}

}  // namespace

Ensembles::Reader ensemble_reader(World& world, std::string path, std::string name) {
    return [&world, path = std::move(path), name = std::move(name)] {
        return read(world, path, name).context("{}", path);
    };
}

}  // namespace hf::cli
