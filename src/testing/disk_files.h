// Just enough of env::Files to read the disk in tests of modules that may not see posix/. Read
// only: every writing method answers UNIMPLEMENTED.

#pragma once

#include "env/files.h"

namespace hf::testing {

class DiskFiles final : public env::Files {
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
};

}  // namespace hf::testing
