#include "posix/disk_space.h"

#include <sys/statvfs.h>

#include <cerrno>

#include "posix/errors.h"

namespace hf::posix {

Result<std::uint64_t> free_bytes(const std::string& path) {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) return errno_status(errno, "ask for room", path);
    return std::uint64_t{status.f_bavail} * std::uint64_t{status.f_frsize};
}

}  // namespace hf::posix
