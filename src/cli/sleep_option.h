// --sleep-after, as every command that serves models has it.
//
// Pure; thread-safe.

#pragma once

#include <optional>

#include "cli/command.h"

namespace hf::cli {

Option sleep_option();

// Nullopt where it is not given. INVALID_ARGUMENT for what is no number of seconds, or too many.
Result<std::optional<Duration>> sleep_after_of(const Arguments& arguments);

}  // namespace hf::cli
