// From errno to Status, with what was tried and on which path.

#pragma once

#include <string_view>

#include "base/status.h"

namespace hf::posix {

// "open /etc/shadow: Permission denied". The code follows from the number: ENOENT is NOT_FOUND,
// EACCES and EPERM PERMISSION_DENIED, ENOSPC, EDQUOT, EFBIG and EMFILE RESOURCE_EXHAUSTED, EEXIST
// ALREADY_EXISTS, ELOOP INVALID_ARGUMENT, ENOTDIR and EISDIR FAILED_PRECONDITION; else INTERNAL.
Status errno_status(int error, std::string_view what, std::string_view path);

}  // namespace hf::posix
