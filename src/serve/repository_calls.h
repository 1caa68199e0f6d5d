// The calls of the model repository extension, in whatever protocol they come: what REST
// (repository_routes.h) and gRPC (grpc/) have in common.
//
// Where there is no repository, models are what Services declare: they are listed, and neither
// loaded nor unloaded by a call.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <string_view>
#include <vector>

#include "serve/inference.h"
#include "serve/repository_parameters.h"

namespace hf::serve {

// The extensions of the protocol that this server has, as its metadata name them.
std::vector<std::string_view> extensions_of(const Services& services);

std::vector<IndexRow> index_of(const Services& services, bool only_ready);

// A model's load or unload.
struct ChangeOf {
    std::string_view model;
    Change change = Change::kLoad;
    ChangeTerms terms = {};
};

// Whether who sends these headers may change what goes with the model; the model itself has been
// looked at.
Status check_members(const Services& services, const ChangeOf& change,
                     const http::Headers& headers);

// FAILED_PRECONDITION where models are declared by Services; else as ModelRepository says.
Status change_model(const Services& services, const ChangeOf& change);

}  // namespace hf::serve
