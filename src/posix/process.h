// What the kernel says of this process.

#pragma once

#include <string>

#include "base/status.h"

namespace hf::posix {

// The text of /proc/self/status.
Result<std::string> process_status();

}  // namespace hf::posix
