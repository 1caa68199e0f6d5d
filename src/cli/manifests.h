// Resources as files hold them: YAML with one document or several, or JSON; lists are taken apart.

#pragma once

#include <string>
#include <vector>

#include "api/kinds.h"
#include "api/object.h"
#include "cli/command.h"

namespace hf::cli {

struct Manifest {
    api::Object object;
    const api::Kind* kind = nullptr;
    std::string source;  // "pump.yaml, document 2"
};

// All of the files ("-": standard input), in order; an object of a namespaced kind that names no
// namespace gets `default_namespace`. Nothing is sent anywhere, so that a mistake in the last
// document is found before the first is applied.
Result<std::vector<Manifest>> read_manifests(World& world, const std::vector<std::string>& files,
                                             const std::string& default_namespace);

}  // namespace hf::cli
