// Copies the keys of one store into another, in either direction between SQLite and etcd, for
// `holdfast store migrate`.
//
// Keys on a lease stay behind: they say that somebody lives, and nobody does while this runs. What
// is copied has new revisions. At the end both sides are read and compared by count and by one
// digest over all keys and values.
//
// Errors: FAILED_PRECONDITION when a server still works on a store, when the target holds anything
// but the very same, or when either changed meanwhile.

#pragma once

#include <functional>
#include <string>

#include "base/digest.h"
#include "control/apply/leadership.h"
#include "store/store.h"

namespace hf::cli {

struct StoreContents {
    std::size_t keys = 0;
    std::uint64_t bytes = 0;  // of keys and values
    Digest digest;
    std::size_t leased = 0;  // keys on leases, which are in none of the above
    friend bool operator==(const StoreContents&, const StoreContents&) = default;
};

struct StoreCopy {
    StoreContents contents;
    bool was_there = false;  // the target held the very same already
};

// What lies in the store now, but for what is on leases.
Result<StoreContents> read_contents(store::Store& store);

// A server that died leaves its name for as long as its lease lasts.
inline constexpr Duration kIdlePatience = control::kLeaderTerm + std::chrono::seconds(1);

// `progress` hears how many of how many keys are copied; it may be null. Waits up to `patience` for
// the name of a server to go.
Result<StoreCopy> copy_store(store::Store& from, store::Store& to,
                             const std::function<void(std::size_t, std::size_t)>& progress,
                             Duration patience = kIdlePatience);

}  // namespace hf::cli
