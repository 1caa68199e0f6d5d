// Models: which versions of which model answer under which name, changed while requests are
// answered. A request that names no version is the highest one's.
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

// Of all versions together. Also the bound of the series that /metrics shows.
inline constexpr std::size_t kMaxModels = 1024;

using Hosts = std::vector<std::shared_ptr<ModelHost>>;

class Models final {
public:
    // From the return on, requests for the host's name get this host, whatever versions answered
    // under that name before: they drain. Load, compile and warm it first: this only swaps.
    // RESOURCE_EXHAUSTED beyond kMaxModels; INVALID_ARGUMENT for a name that cannot stand in a
    // path. REQUIRES: host is not null.
    Status activate(std::shared_ptr<ModelHost> host);

    // The same of several versions of one model, which come and go in one step. REQUIRES: the
    // lowest version first, at least one, none null.
    Status activate(Hosts versions);

    // The same of several models at once: no request sees some of them and not the others. All or
    // none.
    Status activate_all(std::vector<Hosts> models);

    // False when no model has that name.
    bool remove(std::string_view name) { return remove_all({std::string(name)}) > 0; }

    // At once; how many of them there were.
    std::size_t remove_all(const std::vector<std::string>& names);

    // The highest version; null when no model has that name.
    std::shared_ptr<ModelHost> find(std::string_view name) const;
    std::shared_ptr<ModelHost> find(std::string_view name, std::string_view version) const;

    // The model's only version; null also where it has several.
    std::shared_ptr<ModelHost> find_only(std::string_view name) const;

    Hosts versions(std::string_view name) const;  // the lowest first; none when it is not there
    Hosts all() const;                            // by name, then as versions()

    // How many replaced or removed hosts still answer requests.
    std::size_t draining() const;

    // Withdrawn first when the process is to stop, so that balancers look elsewhere; requests are
    // still answered.
    bool ready() const { return ready_; }
    void set_ready(bool ready) { ready_ = ready; }

    void count_unknown() { ++unknown_; }  // a request for a model that is not here
    std::uint64_t unknown() const { return unknown_; }

private:
    using Table = std::map<std::string, Hosts, std::less<>>;

    std::shared_ptr<const Table> table() const;
    static Status put(Hosts versions, Table& table, Hosts& retired);
    void replace(Table table, const Hosts& retired) HF_REQUIRES(change_);

    Mutex change_;  // one change at a time
    std::atomic<bool> ready_{true};
    std::atomic<std::uint64_t> unknown_{0};

    mutable Mutex mutex_;
    std::shared_ptr<const Table> table_ HF_GUARDED_BY(mutex_) = std::make_shared<const Table>();
    mutable std::vector<std::weak_ptr<ModelHost>> retired_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve
