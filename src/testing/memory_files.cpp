#include "testing/memory_files.h"

#include <algorithm>
#include <limits>

#include "base/mutex.h"

namespace hf::testing {

struct MemoryFiles::Disk {
    struct File {
        Bytes bytes;
        std::size_t synced = 0;
    };

    Mutex mutex;  // of the files' content too
    std::map<std::string, std::shared_ptr<File>, std::less<>> files HF_GUARDED_BY(mutex);
    std::set<std::string, std::less<>> folders HF_GUARDED_BY(mutex);
    std::set<std::string, std::less<>> locks HF_GUARDED_BY(mutex);
    std::uint64_t changes HF_GUARDED_BY(mutex) = 0;
    std::uint64_t dies_at HF_GUARDED_BY(mutex) = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t full_at HF_GUARDED_BY(mutex) = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t lives HF_GUARDED_BY(mutex) = 0;  // how often the process started again
    std::uint64_t temporaries HF_GUARDED_BY(mutex) = 0;

    bool is_dead() const HF_REQUIRES(mutex) { return changes > dies_at; }

    // Counts a change. `last`: the one that the process dies in.
    Status change(bool* last = nullptr) HF_REQUIRES(mutex) {
        if (last) *last = changes == dies_at;
        const std::uint64_t now = changes++;
        if (now >= dies_at) return unavailable("the process was killed here");
        return now == full_at ? resource_exhausted("no space left on the device") : Status();
    }

    Result<std::shared_ptr<File>> find(std::string_view path) HF_REQUIRES(mutex) {
        const auto found = files.find(path);
        if (found == files.end()) return not_found("open {}: no such file", path);
        return found->second;
    }

    bool has_folder_of(std::string_view path) const HF_REQUIRES(mutex) {
        const std::size_t slash = path.rfind('/');
        return slash == path.npos || slash == 0 || folders.contains(path.substr(0, slash));
    }
};

namespace {

class Copy final : public env::MappedFile {
public:
    explicit Copy(Bytes bytes) : bytes_(std::move(bytes)) {}
    ByteView bytes() const override { return bytes_; }

private:
    Bytes bytes_;
};

class Reader final : public env::ReadFile {
public:
    explicit Reader(Bytes bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size() const override { return bytes_.size(); }
    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        if (offset > bytes_.size() || out.size() > bytes_.size() - offset) {
            return out_of_range("no {} bytes from {} on", out.size(), offset);
        }
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return {};
    }

private:
    Bytes bytes_;
};

}  // namespace

class MemoryFiles::Writer final : public env::FileWriter {
public:
    Writer(std::shared_ptr<Disk> disk, std::string_view path, std::string temporary,
           std::uint64_t life)
        : disk_(std::move(disk)), path_(path), temporary_(std::move(temporary)), life_(life) {}

    ~Writer() override {
        const MutexLock lock(disk_->mutex);
        if (disk_->lives == life_ && !disk_->is_dead()) disk_->files.erase(temporary_);
    }

    Status append(ByteView bytes) override {
        const MutexLock lock(disk_->mutex);
        bool last = false;
        const Status status = disk_->change(&last);
        if (last) bytes = bytes.first(bytes.size() / 2);
        Bytes& to = disk_->files[temporary_]->bytes;
        if (status.ok() || last) to.insert(to.end(), bytes.begin(), bytes.end());
        return status;
    }

    Status commit() override {
        const MutexLock lock(disk_->mutex);
        HF_TRY(disk_->change());
        const auto file = disk_->files.find(temporary_);
        file->second->synced = file->second->bytes.size();
        disk_->files[path_] = file->second;
        disk_->files.erase(file);
        return {};
    }

private:
    std::shared_ptr<Disk> disk_;
    const std::string path_;
    const std::string temporary_;
    const std::uint64_t life_;
};

class MemoryFiles::Appender final : public env::AppendFile {
public:
    Appender(std::shared_ptr<Disk> disk, std::shared_ptr<Disk::File> file)
        : disk_(std::move(disk)), file_(std::move(file)) {}

    std::uint64_t size() const override {
        const MutexLock lock(disk_->mutex);
        return file_->bytes.size();
    }

    Status append(ByteView bytes) override {
        const MutexLock lock(disk_->mutex);
        bool last = false;
        const Status status = disk_->change(&last);
        if (last) bytes = bytes.first(bytes.size() / 2);
        if (status.ok() || last) {
            file_->bytes.insert(file_->bytes.end(), bytes.begin(), bytes.end());
        }
        return status;
    }

    Result<Bytes> read(std::uint64_t offset, std::size_t size) const override {
        const MutexLock lock(disk_->mutex);
        const Bytes& all = file_->bytes;
        if (offset > all.size() || size > all.size() - offset) {
            return out_of_range("no {} bytes from {} on", size, offset);
        }
        const ByteView view = ByteView(all).subspan(offset, size);
        return Bytes(view.begin(), view.end());
    }

    Status sync() override {
        const MutexLock lock(disk_->mutex);
        HF_TRY(disk_->change());
        file_->synced = file_->bytes.size();
        return {};
    }

    Status truncate(std::uint64_t size) override {
        const MutexLock lock(disk_->mutex);
        HF_TRY(disk_->change());
        HF_CHECK(size <= file_->bytes.size());
        file_->bytes.resize(size);
        file_->synced = size;
        return {};
    }

private:
    std::shared_ptr<Disk> disk_;
    std::shared_ptr<Disk::File> file_ HF_GUARDED_BY(disk_->mutex);
};

class MemoryFiles::Lock final : public env::FileLock {
public:
    Lock(std::shared_ptr<Disk> disk, std::string path)
        : disk_(std::move(disk)), path_(std::move(path)) {}
    ~Lock() override {
        const MutexLock lock(disk_->mutex);
        disk_->locks.erase(path_);
    }

private:
    std::shared_ptr<Disk> disk_;
    std::string path_;
};

std::shared_ptr<MemoryFiles::Disk> MemoryFiles::make_disk() {
    return std::make_shared<Disk>();
}

void MemoryFiles::die_after(std::uint64_t changes) {
    const MutexLock lock(disk_->mutex);
    disk_->dies_at = disk_->changes + changes;
}

void MemoryFiles::fill_after(std::uint64_t changes) {
    const MutexLock lock(disk_->mutex);
    disk_->full_at = disk_->changes + changes;
}

std::vector<std::string> MemoryFiles::paths() const {
    const MutexLock lock(disk_->mutex);
    std::vector<std::string> paths;
    for (const auto& [path, file] : disk_->files) paths.push_back(path);
    return paths;
}

std::uint64_t MemoryFiles::changes() const {
    const MutexLock lock(disk_->mutex);
    return disk_->changes;
}

void MemoryFiles::restart() {
    const MutexLock lock(disk_->mutex);
    disk_->dies_at = disk_->full_at = std::numeric_limits<std::uint64_t>::max();
    ++disk_->lives;
    disk_->locks.clear();
}

void MemoryFiles::lose_power(Rng& rng) {
    const MutexLock lock(disk_->mutex);
    for (auto& [path, file] : disk_->files) {
        const std::size_t unsynced = file->bytes.size() - file->synced;
        file->bytes.resize(file->synced + rng.below(unsynced + 1));
        file->synced = file->bytes.size();
    }
}

void MemoryFiles::overwrite(std::string_view path, Bytes bytes) {
    const MutexLock lock(disk_->mutex);
    const std::size_t size = bytes.size();
    disk_->files[std::string(path)] =
        std::make_shared<Disk::File>(Disk::File{std::move(bytes), size});
}

Result<Bytes> MemoryFiles::read(std::string_view path, std::uint64_t max_bytes) {
    const MutexLock lock(disk_->mutex);
    const std::shared_ptr<Disk::File> file = HF_TRY(disk_->find(path));
    if (file->bytes.size() > max_bytes) return resource_exhausted("{} is too large", path);
    return file->bytes;
}

Result<std::unique_ptr<env::MappedFile>> MemoryFiles::map(std::string_view path, bool) {
    return std::make_unique<Copy>(HF_TRY(read(path, std::numeric_limits<std::uint64_t>::max())));
}

Result<std::unique_ptr<env::ReadFile>> MemoryFiles::open_read(std::string_view path) {
    Bytes bytes = HF_TRY(read(path, std::numeric_limits<std::uint64_t>::max()));
    return std::make_unique<Reader>(std::move(bytes));
}

Result<std::unique_ptr<env::FileWriter>> MemoryFiles::create(std::string_view path, env::Access) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->has_folder_of(path)) return not_found("open {}: no such folder", path);
    HF_TRY(disk_->change());
    std::string temporary = fmt::format("{}.tmp-{}", path, ++disk_->temporaries);
    disk_->files[temporary] = std::make_shared<Disk::File>();
    return std::make_unique<Writer>(disk_, path, std::move(temporary), disk_->lives);
}

Result<std::unique_ptr<env::AppendFile>> MemoryFiles::open_append(std::string_view path,
                                                                  env::Access) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->has_folder_of(path)) return not_found("open {}: no such folder", path);
    std::shared_ptr<Disk::File>& file = disk_->files[std::string(path)];
    if (!file) file = std::make_shared<Disk::File>();
    return std::make_unique<Appender>(disk_, file);
}

Result<env::FileInfo> MemoryFiles::info(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (disk_->folders.contains(path)) return env::FileInfo{env::FileKind::kDirectory, 0, 1};
    const std::shared_ptr<Disk::File> file = HF_TRY(disk_->find(path));
    return env::FileInfo{env::FileKind::kRegular, file->bytes.size(), 1};
}

Result<std::vector<env::DirectoryEntry>> MemoryFiles::list(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->folders.contains(path)) return not_found("list {}: no such folder", path);
    std::map<std::string, env::FileKind> found;
    const std::string prefix = std::string(path) + "/";
    const auto add = [&](const std::string& name, env::FileKind kind) {
        if (name.starts_with(prefix) && name.find('/', prefix.size()) == name.npos) {
            found[name.substr(prefix.size())] = kind;
        }
    };
    for (const auto& [name, file] : disk_->files) add(name, env::FileKind::kRegular);
    for (const std::string& name : disk_->folders) add(name, env::FileKind::kDirectory);
    std::vector<env::DirectoryEntry> entries;
    for (const auto& [name, kind] : found) entries.push_back({name, kind});
    return entries;
}

Status MemoryFiles::create_directories(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (disk_->folders.contains(path)) return {};
    HF_TRY(disk_->change());
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at == path.size() || path[at] == '/') disk_->folders.emplace(path.substr(0, at));
    }
    return {};
}

Status MemoryFiles::remove(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    HF_TRY(disk_->change());
    const auto file = disk_->files.find(path);
    if (file != disk_->files.end()) disk_->files.erase(file);
    const auto folder = disk_->folders.find(path);
    if (folder != disk_->folders.end()) disk_->folders.erase(folder);
    return {};
}

Result<std::unique_ptr<env::FileLock>> MemoryFiles::lock(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->locks.emplace(path).second) return unavailable("{} is locked", path);
    std::shared_ptr<Disk::File>& file = disk_->files[std::string(path)];
    if (!file) file = std::make_shared<Disk::File>();
    return std::make_unique<Lock>(disk_, std::string(path));
}

}  // namespace hf::testing
