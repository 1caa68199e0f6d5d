// Companions: the files that lie beside a model's under its name and belong to it, on a disk or in
// an artifact: MODEL.task.json with MODEL.tokenizer.json (docs/reference/tasks.md),
// MODEL.guard.json (guard.md) and MODEL.sequence.json (sequences.md).
//
// Thread-safety: values.

#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "cli/guard_file.h"
#include "cli/sequence_file.h"
#include "cli/task_file.h"
#include "cli/world.h"
#include "serve/model_host.h"

namespace hf::cli {

// What follows a model's name in theirs.
inline constexpr std::array<std::string_view, 4> kCompanionEndings{kTaskEnding, kTokenizerEnding,
                                                                   kGuardEnding, kSequenceEnding};

struct Companions {
    std::string model;  // whose they are, as errors name it
    std::optional<serve::tasks::Declaration> task;
    std::optional<GuardFile> guard;
    std::optional<std::string> sequence;

    // Tells the digests of those that are there.
    void describe_in(serve::ModelHost::Identity& identity) const;

    // The value of the graph that must be computed as one output more; empty: none.
    std::string hidden_layer() const;
};

// An error names the file, and the place in it. INVALID_ARGUMENT where two do not go together.
Result<Companions> companions_of(const std::string& model, const ReadBeside& read);
Result<Companions> companions_beside(World& world, const std::string& model_path);

// A model as it was compiled.
struct CompiledParts {
    std::shared_ptr<const runtime::CompiledModel> model;
    std::size_t own_outputs = 0;  // behind them comes the hidden layer, where it was exposed
    std::string file_digest;      // of the model (trust/model_digest.h): "sha256:..."
    std::shared_ptr<runtime::Crew> crew = nullptr;  // who computes; null: one thread
};

// Who answers for it, with its companions.
Result<std::shared_ptr<serve::ModelHost>> make_host(serve::ModelHost::Identity identity,
                                                    const CompiledParts& parts,
                                                    const Companions& companions,
                                                    env::Clock& clock);

}  // namespace hf::cli
