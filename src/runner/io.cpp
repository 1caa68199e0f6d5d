#include "runner/io.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace hf::runner {
namespace {

Status system_error(std::string_view what, const std::string& path) {
    const int error = errno;
    const Code code = error == ENOENT ? Code::kNotFound : Code::kInternal;
    return Status(code, fmt::format("{} {}: {}", what, path, strerrordesc_np(error)));
}

// Closed on destruction, but for standard input and output.
class Descriptor final {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd_ > STDERR_FILENO) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

bool write_all(int fd, ByteView bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(fd, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return false;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return true;
}

}  // namespace

Result<ByteView> map_file(const std::string& path) {
    const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (file.get() < 0) return system_error("open", path);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_error("stat", path);
    if (!S_ISREG(status.st_mode) || status.st_size == 0) {
        return failed_precondition("{} is not a regular file with something in it", path);
    }
    const auto size = static_cast<std::size_t>(status.st_size);
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (start == MAP_FAILED) return system_error("map", path);
    return ByteView(static_cast<const std::uint8_t*>(start), size);
}

Result<Bytes> read_file(const std::string& path) {
    const Descriptor file(path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) return system_error("open", path);
    Bytes bytes;
    std::array<std::uint8_t, 16384> buffer;
    for (;;) {
        const ssize_t count = ::read(file.get(), buffer.data(), buffer.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_error("read", path);
        if (count == 0) return bytes;
        bytes.insert(bytes.end(), buffer.begin(), buffer.begin() + count);
        if (bytes.size() > kMaxInputBytes) {
            return resource_exhausted("{} has more than {} bytes", path, kMaxInputBytes);
        }
    }
}

Status write_file(const std::string& path, ByteView bytes) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
    const Descriptor file(path == "-" ? STDOUT_FILENO : ::open(path.c_str(), kFlags, 0666));
    if (file.get() < 0) return system_error("open", path);
    if (!write_all(file.get(), bytes)) return system_error("write", path);
    return {};
}

void print(std::string_view text) {
    static_cast<void>(write_all(STDOUT_FILENO, as_bytes(text)));
}

void complain(std::string_view text) {
    static_cast<void>(write_all(STDERR_FILENO, as_bytes(text)));
}

}  // namespace hf::runner
