// Ensemble files as `holdfast serve` takes them among models: NAME.ensemble.json, which declares a
// graph of the models beside it on the command line (docs/reference/ensembles.md), and its task,
// NAME.ensemble.json.task.json.

#pragma once

#include <string>
#include <string_view>

#include "cli/world.h"
#include "serve/ensemble/ensembles.h"

namespace hf::cli {

inline constexpr std::string_view kEnsembleEnding = ".ensemble.json";

inline bool is_ensemble(std::string_view path) {
    return path.ends_with(kEnsembleEnding);
}

// Reads it whenever it is loaded. REQUIRES: the world outlives it.
serve::ensemble::Ensembles::Reader ensemble_reader(World& world, std::string path,
                                                   std::string name);

}  // namespace hf::cli
