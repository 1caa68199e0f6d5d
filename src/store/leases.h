// Leases: which are alive, until when, and which keys hang on them. Time is handed in: a monotonic
// reading. Pure; the store that owns it guards it.

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "store/store.h"

namespace hf::store {

class Leases final {
public:
    // REQUIRES: ttl > 0.
    LeaseId grant(Duration ttl, Duration now);

    // Takes up a lease from before a restart, with its whole time to live ahead of it.
    void restore(LeaseId lease, Duration ttl, Duration now);

    // NOT_FOUND when there is no such lease or its time has passed.
    Status keep_alive(LeaseId lease, Duration now);
    Status check(LeaseId lease, Duration now) const;

    // Says that `key` now hangs on `lease` (0: on none).
    void attach(const std::string& key, LeaseId lease);

    std::vector<LeaseId> ended(Duration now) const;
    std::vector<std::string> keys(LeaseId lease) const;

    // Forgets the lease; its keys hang on none then.
    void forget(LeaseId lease);

private:
    struct Lease {
        Duration ttl{};
        Duration ends{};
        std::set<std::string> keys;
    };
    std::map<LeaseId, Lease> leases_;
    std::map<std::string, LeaseId, std::less<>> by_key_;
    std::int64_t last_ = 0;
};

}  // namespace hf::store
