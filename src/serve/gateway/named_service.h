// The service that the body of a request names: the member "model" of its JSON object, and nothing
// else of it. One pass, without a tree and without recursion, so that a body of any size and depth
// costs its length. What the rest holds is not checked: a replica does that. Of every document that
// json::parse() takes, which is how a replica reads it, this gives what it gives.
//
// Pure.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::serve::gateway {

// INVALID_ARGUMENT says what the body is, or lacks.
Result<std::string> named_service(std::string_view json);

}  // namespace hf::serve::gateway
