// The parameters that requests to load and unload models may have. Pure.

#pragma once

#include <optional>
#include <string_view>

#include "base/status.h"

namespace hf::serve {

enum class Change : unsigned char { kLoad, kUnload };

// Whether a request for this change may have the parameter; `truth` where its value is one.
// INVALID_ARGUMENT says why not: models come from their own files, as they are.
Status check_parameter(std::string_view name, std::optional<bool> truth, Change change);

}  // namespace hf::serve
