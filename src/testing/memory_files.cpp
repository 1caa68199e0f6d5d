#include "testing/memory_files.h"

#include <algorithm>
#include <limits>

#include "base/mutex.h"

namespace hf::testing {
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
           Disk::FilePtr file)
        : disk_(std::move(disk)),
          path_(path),
          temporary_(std::move(temporary)),
          file_(std::move(file)),
          life_(disk_->lives) {}

    ~Writer() override {
        const MutexLock lock(disk_->mutex);
        if (committed_ || disk_->lives != life_ || disk_->is_dead()) return;
        disk_->unlink(temporary_);
    }

    Status append(ByteView bytes) override {
        const MutexLock lock(disk_->mutex);
        bool last = false;
        const Status status = disk_->change(Disk::Needs::kRoom, &last);
        if (last) bytes = bytes.first(bytes.size() / 2);
        if (status.ok() || last) disk_->write(*file_, file_->bytes.size(), bytes);
        return status.ok() ? disk_->alive() : status;
    }

    Status commit() override {
        const MutexLock lock(disk_->mutex);
        HF_TRY(disk_->change());
        disk_->sync(*file_);
        disk_->rename(temporary_, path_);
        disk_->sync_folder(folder_of(path_));
        committed_ = true;
        return disk_->alive();
    }

private:
    std::shared_ptr<Disk> disk_;
    const std::string path_;
    const std::string temporary_;
    const Disk::FilePtr file_;
    const std::uint64_t life_;
    bool committed_ = false;
};

class MemoryFiles::Appender final : public env::AppendFile {
public:
    Appender(std::shared_ptr<Disk> disk, Disk::FilePtr file)
        : disk_(std::move(disk)), file_(std::move(file)) {}

    std::uint64_t size() const override {
        const MutexLock lock(disk_->mutex);
        return file_->bytes.size();
    }

    Status append(ByteView bytes) override {
        const MutexLock lock(disk_->mutex);
        bool last = false;
        const Status status = disk_->change(Disk::Needs::kRoom, &last);
        if (last) bytes = bytes.first(bytes.size() / 2);
        if (status.ok() || last) disk_->write(*file_, file_->bytes.size(), bytes);
        return status.ok() ? disk_->alive() : status;
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
        const Status status = disk_->change();
        if (!disk_->is_dead()) disk_->sync(*file_, !status.ok());
        return status.ok() ? disk_->alive() : status;
    }

    Status truncate(std::uint64_t size) override {
        const MutexLock lock(disk_->mutex);
        HF_TRY(disk_->change(Disk::Needs::kNothing));
        HF_CHECK(size <= file_->bytes.size());
        disk_->truncate(*file_, size);
        disk_->sync(*file_);
        return disk_->alive();
    }

private:
    std::shared_ptr<Disk> disk_;
    Disk::FilePtr file_ HF_GUARDED_BY(disk_->mutex);
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

void MemoryFiles::lose_power(Rng& rng) {
    const MutexLock lock(disk_->mutex);
    for (auto& [path, file] : disk_->files) {
        const std::size_t unsynced = file->bytes.size() - file->synced;
        file->bytes.resize(file->synced + rng.below(unsynced + 1));
        file->synced = file->bytes.size();
    }
}

void MemoryFiles::overwrite(std::string_view path, const Bytes& bytes) {
    const MutexLock lock(disk_->mutex);
    const Disk::FilePtr file = disk_->link(path);
    disk_->write(*file, 0, bytes);
    disk_->sync(*file);
    disk_->sync_folder(folder_of(path));
}

Result<Bytes> MemoryFiles::read(std::string_view path, std::uint64_t max_bytes) {
    const MutexLock lock(disk_->mutex);
    const Disk::FilePtr file = HF_TRY(disk_->find(path));
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
    Disk::FilePtr file = disk_->link(temporary);
    HF_TRY(disk_->alive());
    return std::make_unique<Writer>(disk_, path, std::move(temporary), std::move(file));
}

Result<std::unique_ptr<env::AppendFile>> MemoryFiles::open_append(std::string_view path,
                                                                  env::Access) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->has_folder_of(path)) return not_found("open {}: no such folder", path);
    const Result<Disk::FilePtr> there = disk_->find(path);
    Disk::FilePtr file = there.ok() ? *there : disk_->link(path);
    disk_->sync_folder(folder_of(path));
    HF_TRY(disk_->alive());
    return std::make_unique<Appender>(disk_, std::move(file));
}

Result<env::FileInfo> MemoryFiles::info(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (disk_->folders.contains(path)) return env::FileInfo{env::FileKind::kDirectory, 0, 1};
    const Disk::FilePtr file = HF_TRY(disk_->find(path));
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
    if (disk_->safe_folders.contains(path)) return disk_->alive();
    if (!disk_->folders.contains(path)) HF_TRY(disk_->change());
    for (std::size_t at = 1; at <= path.size(); ++at) {
        if (at != path.size() && path[at] != '/') continue;
        const std::string_view folder = path.substr(0, at);
        if (disk_->safe_folders.contains(folder)) continue;
        if (!disk_->folders.contains(folder)) disk_->make_folder(folder);
        // One that is there may come from a process that was killed before it had synced its name.
        disk_->sync_folder(folder_of(folder));
        HF_TRY(disk_->alive());
        disk_->safe_folders.emplace(folder);
    }
    return {};
}

Status MemoryFiles::sync_folder(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    disk_->sync_folder(path);
    return disk_->alive();
}

Status MemoryFiles::remove(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    HF_TRY(disk_->change(Disk::Needs::kNothing));
    disk_->unlink(path);
    return disk_->alive();
}

Result<std::unique_ptr<env::FileLock>> MemoryFiles::lock(std::string_view path) {
    const MutexLock lock(disk_->mutex);
    if (!disk_->locks.emplace(path).second) return unavailable("{} is locked", path);
    if (!disk_->files.contains(path)) disk_->link(path);
    return std::make_unique<Lock>(disk_, std::string(path));
}

}  // namespace hf::testing
