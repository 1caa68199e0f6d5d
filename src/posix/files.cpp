#include "posix/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "base/text.h"
#include "env/mapped_pages.h"
#include "posix/errors.h"

namespace hf::posix {
namespace {

constexpr std::size_t kMaxSafeFolders = 4096;

// An open file descriptor, closed on destruction.
class Descriptor final {
public:
    explicit Descriptor(int fd) : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (fd_ >= 0) ::close(fd_);
    }
    int get() const { return fd_; }

private:
    int fd_;
};

Result<Descriptor> open_file(const std::string& path, int flags, mode_t mode) {
    for (;;) {
        const int fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
        if (fd >= 0) return Descriptor(fd);
        if (errno != EINTR) return errno_status(errno, "open", path);
    }
}

Result<struct stat> stat_regular(const Descriptor& file, const std::string& path) {
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return errno_status(errno, "stat", path);
    if (!S_ISREG(status.st_mode)) return failed_precondition("{} is not a regular file", path);
    return status;
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return ".";
    return slash == 0 ? "/" : path.substr(0, slash);
}

Status sync_folder_at(const std::string& path) {
    const Descriptor folder = HF_TRY(open_file(path, O_RDONLY | O_DIRECTORY, 0));
    if (::fsync(folder.get()) != 0) return errno_status(errno, "sync folder", path);
    return {};
}

mode_t mode_of(env::Access access) {
    switch (access) {
        case env::Access::kPrivate: return 0600;
        case env::Access::kExecutable: return 0777;
        case env::Access::kShared: break;
    }
    return 0666;
}

env::FileKind kind_of(mode_t mode) {
    if (S_ISREG(mode)) return env::FileKind::kRegular;
    if (S_ISDIR(mode)) return env::FileKind::kDirectory;
    if (S_ISLNK(mode)) return env::FileKind::kSymlink;
    return env::FileKind::kOther;
}

// Writes everything at the descriptor's position.
Status write_all(const Descriptor& file, ByteView bytes, const std::string& path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno_status(errno, "write", path);
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

// Fills `out` from `offset` on.
Status read_all(const Descriptor& file, std::uint64_t offset, std::span<std::uint8_t> out,
                const std::string& path) {
    while (!out.empty()) {
        const ssize_t count =
            ::pread(file.get(), out.data(), out.size(), static_cast<off_t>(offset));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno_status(errno, "read", path);
        if (count == 0) return data_loss("{} is shorter than it was", path);
        out = out.subspan(static_cast<std::size_t>(count));
        offset += static_cast<std::uint64_t>(count);
    }
    return {};
}

class Map final : public env::MappedFile, public env::MappedPages {
public:
    Map(void* start, std::size_t size) : start_(start), size_(size) {}
    ~Map() override {
        if (size_ > 0) ::munmap(start_, size_);
    }
    ByteView bytes() const override { return {static_cast<const std::uint8_t*>(start_), size_}; }

    // The mapping is private and never written to, so that the file has all that goes.
    void drop() const override {
        if (size_ > 0) ::madvise(start_, size_, MADV_DONTNEED);
    }

    // By the kernel, which answers with an error where an access would be a signal.
    Status copy(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        while (!out.empty()) {
            const iovec to{out.data(), out.size()};
            const iovec from{static_cast<std::uint8_t*>(start_) + offset, out.size()};
            const ssize_t count = ::process_vm_readv(::getpid(), &to, 1, &from, 1, 0);
            if (count < 0 && errno == EFAULT) return data_loss("is shorter than it was");
            // Where it is not allowed (seccomp): as who reads the mapping.
            if (count <= 0) {
                std::memcpy(out.data(), from.iov_base, out.size());
                return {};
            }
            out = out.subspan(static_cast<std::size_t>(count));
            offset += static_cast<std::uint64_t>(count);
        }
        return {};
    }

private:
    void* start_;
    std::size_t size_;
};

class Reader final : public env::ReadFile {
public:
    Reader(Descriptor file, std::string path, std::uint64_t size)
        : file_(std::move(file)), path_(std::move(path)), size_(size) {}

    std::uint64_t size() const override { return size_; }

    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        if (offset > size_ || out.size() > size_ - offset) {
            return out_of_range("{} has no {} bytes from {} on", path_, out.size(), offset);
        }
        return read_all(file_, offset, out, path_);
    }

private:
    Descriptor file_;
    std::string path_;
    std::uint64_t size_;
};

class Writer final : public env::FileWriter {
public:
    Writer(Descriptor file, std::string temporary, std::string target)
        : file_(std::move(file)), temporary_(std::move(temporary)), target_(std::move(target)) {}
    ~Writer() override {
        if (!committed_) ::unlink(temporary_.c_str());
    }

    Status append(ByteView bytes) override { return write_all(file_, bytes, target_); }

    Status commit() override {
        if (::fsync(file_.get()) != 0) return errno_status(errno, "sync", target_);
        if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
            return errno_status(errno, "rename to", target_);
        }
        committed_ = true;
        return sync_folder_at(folder_of(target_));
    }

private:
    Descriptor file_;
    std::string temporary_;
    std::string target_;
    bool committed_ = false;
};

class Appender final : public env::AppendFile {
public:
    Appender(Descriptor file, std::string path, std::uint64_t size)
        : file_(std::move(file)), path_(std::move(path)), size_(size) {}

    std::uint64_t size() const override { return size_; }

    Status append(ByteView bytes) override {
        if (torn_) HF_TRY(cut_torn_end());
        const Status status = write_all(file_, bytes, path_);
        if (status.ok()) {
            size_ += bytes.size();
            return {};
        }
        torn_ = true;
        HF_TRY(cut_torn_end());
        return status;
    }

    Result<Bytes> read(std::uint64_t offset, std::size_t size) const override {
        if (offset > size_ || size > size_ - offset) {
            return out_of_range("{} has no {} bytes from {} on", path_, size, offset);
        }
        Bytes bytes(size);
        HF_TRY(read_all(file_, offset, bytes, path_));
        return bytes;
    }

    Status sync() override {
        if (::fdatasync(file_.get()) != 0) return errno_status(errno, "sync", path_);
        return {};
    }

    Status truncate(std::uint64_t size) override {
        HF_CHECK(size <= size_, "truncate {} to {} bytes", path_, size);
        if (::ftruncate(file_.get(), static_cast<off_t>(size)) != 0) {
            return errno_status(errno, "truncate", path_);
        }
        size_ = size;
        torn_ = false;
        return sync();
    }

private:
    Status cut_torn_end() {
        if (::ftruncate(file_.get(), static_cast<off_t>(size_.load())) != 0) {
            return errno_status(errno, "cut a half-written end off", path_);
        }
        torn_ = false;
        return {};
    }

    Descriptor file_;
    std::string path_;
    std::atomic<std::uint64_t> size_;
    bool torn_ = false;  // a failed append left bytes behind size_
};

class Lock final : public env::FileLock {
public:
    explicit Lock(Descriptor file) : file_(std::move(file)) {}

private:
    Descriptor file_;  // closing it gives the lock back
};

}  // namespace

Result<Bytes> RealFiles::read(std::string_view path_view, std::uint64_t max_bytes) {
    const std::string path(path_view);
    const Descriptor file = HF_TRY(open_file(path, O_RDONLY, 0));
    const struct stat status = HF_TRY(stat_regular(file, path));
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > max_bytes) {
        return resource_exhausted("{} has {}, more than the limit of {} here", path,
                                  format_bytes(size), format_bytes(max_bytes));
    }
    Bytes bytes(size);
    std::size_t at = 0;
    while (at < bytes.size()) {
        const ssize_t count = ::read(file.get(), bytes.data() + at, bytes.size() - at);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno_status(errno, "read", path);
        if (count == 0) break;
        at += static_cast<std::size_t>(count);
    }
    bytes.resize(at);
    return bytes;
}

Result<std::unique_ptr<env::MappedFile>> RealFiles::map(std::string_view path_view,
                                                        bool no_follow) {
    const std::string path(path_view);
    const Descriptor file =
        HF_TRY(open_file(path, O_RDONLY | O_NONBLOCK | (no_follow ? O_NOFOLLOW : 0), 0));
    const struct stat status = HF_TRY(stat_regular(file, path));
    const auto size = static_cast<std::size_t>(status.st_size);
    if (size == 0) return std::make_unique<Map>(nullptr, 0);
    void* start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
    if (start == MAP_FAILED) return errno_status(errno, "map", path);
    return std::make_unique<Map>(start, size);
}

Result<std::unique_ptr<env::ReadFile>> RealFiles::open_read(std::string_view path_view) {
    const std::string path(path_view);
    Descriptor file = HF_TRY(open_file(path, O_RDONLY | O_NONBLOCK, 0));
    const struct stat status = HF_TRY(stat_regular(file, path));
    return std::make_unique<Reader>(std::move(file), path,
                                    static_cast<std::uint64_t>(status.st_size));
}

Result<std::unique_ptr<env::FileWriter>> RealFiles::create(std::string_view path_view,
                                                           env::Access access) {
    const std::string path(path_view);
    std::uint64_t random = 0;
    if (::getrandom(&random, sizeof random, 0) != sizeof random) {
        return errno_status(errno, "random name for", path);
    }
    const std::string temporary = fmt::format("{}.tmp-{:016x}", path, random);
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL;
    Descriptor file = HF_TRY(open_file(temporary, kFlags, mode_of(access)));
    return std::make_unique<Writer>(std::move(file), temporary, path);
}

Result<std::unique_ptr<env::AppendFile>> RealFiles::open_append(std::string_view path_view,
                                                                env::Access access) {
    const std::string path(path_view);
    constexpr int kFlags = O_RDWR | O_APPEND | O_NOFOLLOW | O_NONBLOCK;
    Descriptor file = HF_TRY(open_file(path, kFlags | O_CREAT, mode_of(access)));
    const struct stat status = HF_TRY(stat_regular(file, path));
    // Not only when it is new: whoever made it may have been killed before its name was safe.
    HF_TRY(sync_folder_at(folder_of(path)));
    return std::make_unique<Appender>(std::move(file), path,
                                      static_cast<std::uint64_t>(status.st_size));
}

Result<env::FileInfo> RealFiles::info(std::string_view path_view) {
    const std::string path(path_view);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return errno_status(errno, "stat", path);
    return env::FileInfo{kind_of(status.st_mode), static_cast<std::uint64_t>(status.st_size),
                         static_cast<std::uint64_t>(status.st_nlink)};
}

Result<std::vector<env::DirectoryEntry>> RealFiles::list(std::string_view path_view) {
    const std::string path(path_view);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir(path.c_str()), ::closedir);
    if (!folder) return errno_status(errno, "list", path);
    std::vector<env::DirectoryEntry> entries;
    while (const dirent* entry = ::readdir(folder.get())) {
        const std::string name = entry->d_name;
        if (name == "." || name == "..") continue;
        const Result<env::FileInfo> found = info(path + "/" + name);
        if (found.ok()) entries.push_back({name, found->kind});
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return entries;
}

Status RealFiles::create_directories(std::string_view path_view) {
    const std::string path(path_view);
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at != path.size() && path[at] != '/') continue;
        const std::string prefix = path.substr(0, at);
        const bool made = ::mkdir(prefix.c_str(), 0777) == 0;
        if (!made && errno != EEXIST) return errno_status(errno, "create folder", prefix);
        if (!made && is_safe(prefix)) continue;
        const Status synced = sync_folder_at(folder_of(prefix));
        // Above what is ours there may be folders that cannot be opened, and need not be.
        if (!synced.ok() && made) return synced;
        note_safe(prefix);
    }
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return errno_status(errno, "stat", path);
    if (!S_ISDIR(status.st_mode)) return failed_precondition("{} is not a folder", path);
    return {};
}

Status RealFiles::sync_folder(std::string_view path) {
    return sync_folder_at(std::string(path));
}

bool RealFiles::is_safe(const std::string& folder) const {
    const MutexLock lock(mutex_);
    return safe_.contains(folder);
}

void RealFiles::note_safe(const std::string& folder) {
    const MutexLock lock(mutex_);
    if (safe_.size() >= kMaxSafeFolders) safe_.clear();
    safe_.insert(folder);
}

void RealFiles::forget_safe(const std::string& folder) {
    const MutexLock lock(mutex_);
    safe_.erase(folder);
}

Status RealFiles::remove(std::string_view path_view) {
    const std::string path(path_view);
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    if ((errno == EISDIR || errno == EPERM) && ::rmdir(path.c_str()) == 0) {
        forget_safe(path);
        return {};
    }
    return errno_status(errno, "remove", path);
}

Result<std::unique_ptr<env::FileLock>> RealFiles::lock(std::string_view path_view) {
    const std::string path(path_view);
    Descriptor file = HF_TRY(open_file(path, O_RDWR | O_CREAT, 0600));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK) {
            return unavailable("{} is locked: another Holdfast runs on this folder; stop it first",
                               path);
        }
        return errno_status(errno, "lock", path);
    }
    return std::make_unique<Lock>(std::move(file));
}

Result<std::unique_ptr<env::FileLock>> RealFiles::lock_within(std::string_view path,
                                                              Duration patience) {
    constexpr Duration kPause = std::chrono::milliseconds(5);
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        Result<std::unique_ptr<env::FileLock>> held = lock(path);
        const bool busy = !held.ok() && held.status().code() == Code::kUnavailable;
        if (!busy || std::chrono::steady_clock::now() >= end) return held;
        std::this_thread::sleep_for(kPause);  // flock(2) can wait, but not for a limited time
    }
}

}  // namespace hf::posix
