// Sizes of memory as people write them.
//
// Pure.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::cli {

// "64MiB" of the option --name: a whole number with KiB, MiB or GiB behind it, of at least 1 byte.
// INVALID_ARGUMENT names the option.
Result<std::uint64_t> parse_byte_size(std::string_view option, std::string_view text);

}  // namespace hf::cli
