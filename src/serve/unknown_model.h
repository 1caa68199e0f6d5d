// What is said of the versions of a model, and of one that is not here. Apart from what answers
// requests, as it is not done for most.
//
// Thread-safety: all functions from any thread.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/inference.h"

namespace hf::serve {

// NOT_FOUND, for find_model(): names others, and says of one that is not loaded why.
Status unknown_model(const Services& services, std::string_view name, std::string_view version);

// The versions of the host's model that answer, the lowest first; the host's own at least.
std::vector<std::string> versions_beside(const Models& models, const ModelHost& host);

}  // namespace hf::serve
