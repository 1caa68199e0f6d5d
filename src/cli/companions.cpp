#include "cli/companions.h"

#include "serve/sequence/sequences.h"

namespace hf::cli {

void Companions::describe_in(serve::ModelHost::Identity& identity) const {
    if (task) identity.task_digest = digest_of(*task);
    if (guard) identity.guard_digest = guard->digest;
    if (sequence) identity.sequence_digest = sequence_digest(*sequence);
}

std::string Companions::hidden_layer() const {
    return guard && guard->guard.mahalanobis ? guard->guard.mahalanobis->layer : std::string();
}

Result<Companions> companions_of(const std::string& model, const ReadBeside& read) {
    Companions companions;
    companions.model = model;
    companions.task = HF_TRY(read_declaration(read));
    companions.guard = HF_TRY(read_guard(model, read));
    companions.sequence = HF_TRY(read_sequence(read));
    if (companions.sequence && (companions.task || companions.guard)) {
        return invalid_argument(
            "{}: a model that keeps state has neither a task nor a guard; remove its .task.json "
            "and .guard.json, or its .sequence.json",
            model);
    }
    return companions;
}

Result<Companions> companions_beside(World& world, const std::string& model_path) {
    return companions_of(
        model_path,
        [&](std::string_view ending, std::size_t bytes_max) -> Result<std::optional<Bytes>> {
            const std::string path = model_path + std::string(ending);
            if (!world.files.exists(path)) return std::optional<Bytes>();
            Bytes bytes = HF_TRY(world.files.read(path, bytes_max));
            return std::optional<Bytes>(std::move(bytes));
        });
}

Result<std::shared_ptr<serve::ModelHost>> make_host(serve::ModelHost::Identity identity,
                                                    const CompiledParts& parts,
                                                    const Companions& companions,
                                                    env::Clock& clock) {
    std::shared_ptr<const serve::tasks::Task> task;
    if (companions.task) {
        runtime::Signature own = parts.model->signature();
        own.outputs.resize(parts.own_outputs);
        task = HF_TRY(make_task(*companions.task, companions.model, own));
    }
    std::shared_ptr<const serve::guard::Guard> guard;
    if (companions.guard) {
        guard = HF_TRY(bind_guard(*companions.guard, parts.model->signature(), parts.own_outputs,
                                  parts.file_digest));
    }
    std::shared_ptr<const runtime::CompiledModel> model = parts.model;
    std::shared_ptr<serve::sequence::Sequences> sequences;
    if (companions.sequence) {
        auto stateful =
            HF_TRY(make_stateful(*companions.sequence, companions.model, std::move(model)));
        sequences = std::make_shared<serve::sequence::Sequences>(stateful, clock);
        model = std::move(stateful);
    }
    auto host = std::make_shared<serve::ModelHost>(std::move(identity), std::move(model), clock,
                                                   parts.crew);
    host->set_task(std::move(task));
    host->set_sequences(std::move(sequences));
    host->set_guard(std::move(guard));
    return host;
}

}  // namespace hf::cli
