#include "posix/shared_memory.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "posix/errors.h"

namespace hf::posix {
namespace {

class Block final : public env::SharedBlock {
public:
    Block(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
    ~Block() override { ::close(fd_); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

    Result<std::uint64_t> size() const override {
        struct stat status {};
        if (::fstat(fd_, &status) != 0) return errno_status(errno, "stat", path_);
        return static_cast<std::uint64_t>(status.st_size);
    }

    Status check_regular() const {
        struct stat status {};
        if (::fstat(fd_, &status) != 0) return errno_status(errno, "stat", path_);
        if (S_ISREG(status.st_mode)) return {};
        return invalid_argument("{} is no shared memory, but something else", path_);
    }

    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        while (!out.empty()) {
            const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno_status(errno, "read", path_);
            if (count == 0) return cut();
            out = out.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
        return {};
    }

    // A block that is cut between the look at its size and the write grows again, no further than
    // to where these bytes end.
    Status write(std::uint64_t offset, ByteView bytes) const override {
        const std::uint64_t now = HF_TRY(size());
        if (offset > now || bytes.size() > now - offset) return cut();
        while (!bytes.empty()) {
            const ssize_t count =
                ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
            if (count < 0 && errno == EINTR) continue;
            if (count < 0) return errno_status(errno, "write", path_);
            bytes = bytes.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
        return {};
    }

private:
    Status cut() const {
        return failed_precondition("{} is shorter than it was when it was registered", path_);
    }

    const int fd_;
    const std::string path_;
};

Status check_name(std::string_view name) {
    const bool plain = !name.empty() && name != "." && name != ".." && name.size() <= NAME_MAX &&
                       name.find('/') == std::string_view::npos &&
                       name.find('\0') == std::string_view::npos;
    if (plain) return {};
    return invalid_argument(
        "'{}' is no name of shared memory: want one part of a path as shm_open takes it, such as "
        "\"/frames\"",
        name.substr(0, 64));
}

}  // namespace

Result<std::shared_ptr<const env::SharedBlock>> open_shared_block(const std::string& name,
                                                                  const std::string& folder) {
    std::string_view part = name;
    if (part.starts_with('/')) part.remove_prefix(1);
    HF_TRY(check_name(part));
    std::string path = folder + "/";
    path += part;
    // Without waiting: to open a pipe could wait for ever.
    const int fd = ::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return errno_status(errno, "open shared memory", path);
    auto block = std::make_shared<const Block>(fd, std::move(path));
    HF_TRY(block->check_regular());
    return std::shared_ptr<const env::SharedBlock>(std::move(block));
}

}  // namespace hf::posix
