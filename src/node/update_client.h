// A repository of The Update Framework as a machine follows it: trust/tuf/update.h says what comes
// next, this fetches it and keeps what was verified, each file at once and as a whole, under the
// role's name in one folder ("root.json", "timestamp.json", ...). A crash at any point leaves what
// the next update can begin with.
//
// Errors: refusals as trust/tuf/refusal.h says them; UNAVAILABLE where the repository does not
// answer or another process is at work in the folder. Owned by one thread.

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "env/files.h"
#include "trust/tuf/update.h"

namespace hf::node {

// Where metadata comes from.
class MetadataSource {
public:
    virtual ~MetadataSource() = default;

    // The file's bytes, or NOT_FOUND. [tuf-too-large] for more than `bytes_max`.
    virtual Result<std::string> fetch(const std::string& name, std::uint64_t bytes_max) = 0;
};

// GET from below `url`, by a client of its own that shows nobody who it is.
Result<std::unique_ptr<MetadataSource>> metadata_over_http(std::string url);

class UpdateClient final {
public:
    // REQUIRES: files and source outlive it.
    UpdateClient(env::Files& files, std::string folder, MetadataSource& source)
        : files_(files), folder_(std::move(folder)), source_(source) {}

    // Makes `root` what is believed from now on. Nothing of it is checked.
    static Status begin_with(env::Files& files, const std::string& folder, ByteView root);

    // Brings the four top-level roles up to date, as of `now`.
    Status refresh(Instant now);

    // What the roles that may speak of the target say of it; [tuf-no-target] when none lists it.
    // REQUIRES: the last refresh() was OK.
    Result<trust::tuf::TargetFile> find(const std::string& target);

    // REQUIRES: the last refresh() was OK.
    const trust::tuf::Root& root() const { return update_->root(); }

private:
    Result<trust::tuf::Kept> read_kept() const;
    Status keep(const trust::tuf::Change& change);
    Status follow(trust::tuf::Turn turn);

    env::Files& files_;
    const std::string folder_;
    MetadataSource& source_;
    std::unique_ptr<env::FileLock> lock_;
    std::optional<trust::tuf::Update> update_;
};

}  // namespace hf::node
