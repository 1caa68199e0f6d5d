// env::Files on a real machine. Atomic writes go to "<name>.tmp-<random>" in the same folder, are
// synced, renamed over the target, and the folder is synced (the rename is durable only then).
//
// A folder that is there already may come from a process that was killed before it had synced the
// folder's name, so the first create_directories() of a process syncs that too, once.
//
// Thread-safety: any thread.

#pragma once

#include <set>

#include "base/mutex.h"
#include "env/files.h"

namespace hf::posix {

class RealFiles final : public env::Files {
public:
    Result<Bytes> read(std::string_view path, std::uint64_t max_bytes) override;
    Result<std::unique_ptr<env::MappedFile>> map(std::string_view path, bool no_follow) override;
    Result<std::unique_ptr<env::ReadFile>> open_read(std::string_view path) override;
    Result<std::unique_ptr<env::FileWriter>> create(std::string_view path,
                                                    env::Access access) override;
    Result<std::unique_ptr<env::AppendFile>> open_append(std::string_view path,
                                                         env::Access access) override;
    Result<env::FileInfo> info(std::string_view path) override;
    Result<std::vector<env::DirectoryEntry>> list(std::string_view path) override;
    Status create_directories(std::string_view path) override;
    Status sync_folder(std::string_view path) override;
    Status remove(std::string_view path) override;
    Result<std::unique_ptr<env::FileLock>> lock(std::string_view path) override;
    Result<std::unique_ptr<env::FileLock>> lock_within(std::string_view path,
                                                       Duration patience) override;

private:
    bool is_safe(const std::string& folder) const;
    void note_safe(const std::string& folder);
    void forget_safe(const std::string& folder);

    mutable Mutex mutex_;
    // Folders whose names are known to survive power loss; bounded, and forgotten when removed.
    std::set<std::string> safe_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::posix
