// Room on a disk, as its file system tells.

#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace hf::posix {

// How many bytes this process may still write to the file system that `path` lies on; what is kept
// back for the superuser is not counted. NOT_FOUND when nothing is there.
Result<std::uint64_t> free_bytes(const std::string& path);

}  // namespace hf::posix
