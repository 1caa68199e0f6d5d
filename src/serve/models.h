// Models: which model answers under which name, changed while requests are answered.
//
// The idea: the table is immutable and replaced as a whole. A request takes its host once and holds
// it until it is answered, so activating, replacing and removing models never waits for a request
// nor fails one. A host that is out of the table goes, with its memory, when its last request ends;
// draining() tells how many have not yet.
//
// Thread-safety: all methods from any thread. find() takes a lock for the copy of one pointer.

#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "serve/model_host.h"

namespace hf::serve {

// Also the bound of the series that /metrics shows.
inline constexpr std::size_t kMaxModels = 1024;

class Models final {
public:
    // From the return on, requests for the host's name get this host; what answered under that name
    // before drains. Load, compile and warm it first: this only swaps. RESOURCE_EXHAUSTED beyond
    // kMaxModels names; INVALID_ARGUMENT for a name that cannot stand in a path. REQUIRES: host is
    // not null.
    Status activate(std::shared_ptr<ModelHost> host);

    // The same for several at once: no request sees some of them and not the others. All or none.
    Status activate_all(std::vector<std::shared_ptr<ModelHost>> hosts);

    // False when no model has that name.
    bool remove(std::string_view name) { return remove_all({std::string(name)}) > 0; }

    // At once; how many of them there were.
    std::size_t remove_all(const std::vector<std::string>& names);

    // Null when no model has that name.
    std::shared_ptr<ModelHost> find(std::string_view name) const;

    std::vector<std::shared_ptr<ModelHost>> all() const;  // by name

    // How many replaced or removed hosts still answer requests.
    std::size_t draining() const;

    // Withdrawn first when the process is to stop, so that balancers look elsewhere; requests are
    // still answered.
    bool ready() const { return ready_; }
    void set_ready(bool ready) { ready_ = ready; }

    void count_unknown() { ++unknown_; }  // a request for a model that is not here
    std::uint64_t unknown() const { return unknown_; }

private:
    using Table = std::map<std::string, std::shared_ptr<ModelHost>, std::less<>>;

    std::shared_ptr<const Table> table() const;
    void replace(Table table, const std::vector<std::shared_ptr<ModelHost>>& retired)
        HF_REQUIRES(change_);

    Mutex change_;  // one change at a time
    std::atomic<bool> ready_{true};
    std::atomic<std::uint64_t> unknown_{0};

    mutable Mutex mutex_;
    std::shared_ptr<const Table> table_ HF_GUARDED_BY(mutex_) = std::make_shared<const Table>();
    mutable std::vector<std::weak_ptr<ModelHost>> retired_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve
