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

Result<Bytes> read_standard_input(std::uint64_t bytes_max) {
    Bytes bytes;
    std::array<std::uint8_t, 16384> buffer;
    for (;;) {
        const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno_status(errno, "read", "standard input");
        if (count == 0) return bytes;
        bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + count);
        if (bytes.size() > bytes_max) {
            return resource_exhausted("standard input exceeds the limit of {} bytes", bytes_max);
        }
    }
}

}  // namespace hf::posix
