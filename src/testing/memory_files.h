// env::Files in memory, with the crashes of a real machine: the process dies between or in the
// middle of two changes, or the power goes and what was not synced is lost in part. Tests run code
// up to every such point, start it again on what is left, and ask whether it kept its promises.
//
// The files lie on a Disk (disk.h), which can be given: then others see the same files, and what is
// done to them is recorded as a real machine does it (posix/files.h).
//
// Thread-safety: any thread. Handles that are open at a crash stay usable but must not be used.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "env/files.h"
#include "testing/disk.h"

namespace hf::testing {

class MemoryFiles final : public env::Files {
public:
    MemoryFiles() = default;
    explicit MemoryFiles(std::shared_ptr<Disk> disk) : disk_(std::move(disk)) {}

    // As Disk's. What a killed process was writing stays under its temporary name.
    void die_after(std::uint64_t changes) { disk_->die_after(changes); }
    void fill_after(std::uint64_t changes) { disk_->fill_after(changes); }

    // How many changes (creations, appends, commits, syncs, truncations, removals, new folders)
    // were asked for so far.
    std::uint64_t changes() const;

    void restart() { disk_->restart(); }

    // Of every file, temporary ones too; sorted.
    std::vector<std::string> paths() const;

    // Of every file's unsynced end, some beginning is left.
    void lose_power(Rng& rng);

    // For tests that damage a file. The file is created when it is not there.
    void overwrite(std::string_view path, const Bytes& bytes);

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

private:
    class Writer;
    class Appender;
    class Lock;

    std::shared_ptr<Disk> disk_ = std::make_shared<Disk>();
};

}  // namespace hf::testing
