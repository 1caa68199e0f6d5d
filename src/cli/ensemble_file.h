// Ensemble files as `holdfast serve` takes them among models: NAME.ensemble.json, which declares a
// graph of the models beside it on the command line (docs/reference/ensembles.md), and its task,
// NAME.ensemble.json.task.json.

#pragma once

#include <string>
#include <string_view>

#include "cli/companions.h"
#include "cli/world.h"
#include "serve/ensemble/contents.h"
#include "serve/ensemble/ensembles.h"

namespace hf::cli {

inline constexpr std::string_view kEnsembleEnding = serve::ensemble::kEnding;

inline bool is_ensemble(std::string_view path) {
    return path.ends_with(kEnsembleEnding);
}

// INVALID_ARGUMENT where what lies beside an ensemble's declaration is more than its task.
Status check_ensemble_companions(const Companions& companions);

// Who answers for a graph, with its companions, but for what Ensembles makes ready itself.
Result<std::shared_ptr<serve::ModelHost>> make_ensemble_host(
    serve::ModelHost::Identity identity, const Companions& companions,
    const std::shared_ptr<const serve::ensemble::Graph>& graph, env::Clock& clock);

// Reads it whenever it is loaded. REQUIRES: the world outlives it.
serve::ensemble::Ensembles::Reader ensemble_reader(World& world, std::string path,
                                                   std::string name);

}  // namespace hf::cli
