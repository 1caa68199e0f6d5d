// What the kernel says of this process, and what comes in through its standard input.

#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"

namespace hf::posix {

// The text of /proc/self/status.
Result<std::string> process_status();

// To its end. RESOURCE_EXHAUSTED when there is more than `bytes_max`.
Result<Bytes> read_standard_input(std::uint64_t bytes_max);

}  // namespace hf::posix
