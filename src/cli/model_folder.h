// A model on disk as signing sees it: a file, or a folder with all that is in it.

#pragma once

#include <string>
#include <vector>

#include "cli/world.h"
#include "trust/oms.h"

namespace hf::cli {

// The paths that the standard leaves out at the top level: ".git" and its kin.
std::vector<std::string> default_ignored_paths();

// Hashes the file, or every regular file below the folder; `ignored` are exact relative paths, of
// files or whole folders. INVALID_ARGUMENT for symbolic links and special files: what they lead to
// could change unseen.
Result<std::vector<trust::Resource>> hash_model(World& world, const std::string& path,
                                                const std::vector<std::string>& ignored);

// `inner` relative to `folder` when it lies below it, else empty: to leave a signature file out of
// its own model.
std::string path_below(const std::string& folder, const std::string& inner);

}  // namespace hf::cli
