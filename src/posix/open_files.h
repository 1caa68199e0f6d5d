// How many files this process may have open: as many as it is allowed to ask for.

#pragma once

#include <cstdint>

namespace hf::posix {

// Raises the limit of this process to the most that it may (RLIMIT_NOFILE, soft to hard), and
// returns what it is then.
std::uint64_t raise_open_files();

}  // namespace hf::posix
