// env::Files in memory, with failures and power cuts on demand. Files survive restart(), locks do
// not; a cut leaves what was being written as a shortened temporary file, as a kill does.
//
// Used by tests only. Not thread-safe.

#pragma once

#include <map>
#include <set>
#include <string>

#include "env/files.h"

namespace hf::testing {

class MemoryFiles final : public env::Files {
public:
    // What happens at the n-th changing operation (create, append, commit, remove, new folder).
    enum class Trouble {
        kFull,  // it fails with RESOURCE_EXHAUSTED, and the next ones work again
        kCut,   // half of it happens, and nothing happens after it
    };

    void trouble_at(std::size_t operation, Trouble trouble);
    void restart();  // after a cut: a new process finds the files and no locks

    std::size_t operations() const { return operations_; }
    bool is_cut() const { return cut_; }
    std::map<std::string, Bytes>& contents() { return contents_; }

    Result<Bytes> read(std::string_view path, std::uint64_t max_bytes) override;
    Result<std::unique_ptr<env::MappedFile>> map(std::string_view path, bool no_follow) override;
    Result<std::unique_ptr<env::FileWriter>> create(std::string_view path,
                                                    env::Access access) override;
    Result<env::FileInfo> info(std::string_view path) override;
    Result<std::vector<env::DirectoryEntry>> list(std::string_view path) override;
    Status create_directories(std::string_view path) override;
    Status remove(std::string_view path) override;
    Result<std::unique_ptr<env::FileLock>> lock(std::string_view path) override;

private:
    class Writer;
    class Lock;

    // Counts one changing operation; `cut` tells whether half of it still happens.
    Status step(bool& cut);

    std::map<std::string, Bytes> contents_;
    std::set<std::string> folders_;
    std::set<std::string> locks_;
    std::size_t operations_ = 0;
    std::size_t trouble_at_ = 0;
    Trouble trouble_ = Trouble::kFull;
    bool cut_ = false;
    std::size_t lives_ = 0;  // how often it was restarted: writers and locks of old lives are dead
    std::size_t temporaries_ = 0;
};

}  // namespace hf::testing
