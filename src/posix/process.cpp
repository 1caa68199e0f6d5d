#include "posix/process.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "posix/errors.h"

namespace hf::posix {

Result<std::string> process_status() {
    constexpr const char* kPath = "/proc/self/status";
    const int fd = ::open(kPath, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno_status(errno, "open", kPath);
    std::array<char, 16384> buffer;
    const ssize_t count = ::read(fd, buffer.data(), buffer.size());
    ::close(fd);
    if (count < 0) return errno_status(errno, "read", kPath);
    return std::string(buffer.data(), static_cast<std::size_t>(count));
}

}  // namespace hf::posix
