// Store: revisioned key-value storage with compare-and-set, watch and leases: the shape of etcd's
// v3 API, which SQLite and memory implement too. contract_test.cpp is the suite that all pass.
//
// Every write that changes something gets the next revision, starting at 1 (a later one where
// others write to the same etcd); all its key changes share it. Keys are byte strings ordered
// bytewise. Old revisions are kept until compact().
//
// Thread-safety: all methods from any thread. Errors: ABORTED when a compare fails, OUT_OF_RANGE
// for a revision that is compacted or in the future, RESOURCE_EXHAUSTED (disk full, value too
// large), UNAVAILABLE (the store cannot be reached; nothing was done), DEADLINE_EXCEEDED (a write
// was sent and no answer came: it may have happened, or may still; read again).

#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/named.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::store {

using Revision = Named<struct RevisionTag, std::int64_t>;
using LeaseId = Named<struct LeaseIdTag, std::int64_t>;

inline constexpr std::size_t kMaxKeyBytes = 1024;
inline constexpr std::size_t kMaxValueBytes = 1u << 20;

struct KeyValue {
    std::string key;
    std::string value;
    Revision created;
    Revision modified;
    LeaseId lease;  // 0: none
};

// The key must have been last modified at `modified`; Revision(0): must not exist.
struct Compare {
    std::string key;
    Revision modified;
};

struct Put {
    std::string key;
    std::string value;
    LeaseId lease;
};

// All compares hold, then all puts and removes happen in one revision; or nothing does.
struct Transaction {
    std::vector<Compare> compares;
    std::vector<Put> puts;
    std::vector<std::string> removes;
};

struct ListResult {
    std::vector<KeyValue> items;  // in key order
    Revision revision;            // the revision the list shows
    bool more = false;            // the limit cut it; go on with start_after = items.back().key
};

struct ListOptions {
    std::string start_after;
    std::size_t limit = 0;  // 0: all
    Revision at{0};         // 0: now
};

struct Event {
    enum class Kind : unsigned char { kPut, kRemove };
    Kind kind = Kind::kPut;
    KeyValue now;  // for kRemove: the key, and the revision of removal in `modified`
    std::optional<KeyValue> previous;  // what was there before, unless compacted
};

// Delivers the events of one prefix in revision order, none lost, none twice.
class Watch {
public:
    virtual ~Watch() = default;

    // Waits up to `patience` (zero: not at all) for events; empty when none came. OUT_OF_RANGE when
    // the watch fell behind a compaction: list again and watch from there. CANCELLED after
    // cancel().
    virtual Result<std::vector<Event>> next(Duration patience) = 0;

    // Wakes a waiting next(). From any thread.
    virtual void cancel() = 0;

    // Everything up to this revision has been delivered.
    virtual Revision delivered() const = 0;
};

class Store {
public:
    virtual ~Store() = default;

    virtual Revision revision() = 0;

    // NOT_FOUND when the key does not exist.
    virtual Result<KeyValue> get(std::string_view key) = 0;
    virtual Result<ListResult> list(std::string_view prefix, const ListOptions& options) = 0;

    // The revision of the write; the current one when nothing changed (removing absent keys).
    virtual Result<Revision> commit(const Transaction& transaction) = 0;

    // Commits each as commit() does, in order: one that fails leaves the others as they are, and a
    // later one sees what an earlier one wrote. What a store can make durable together it does, and
    // some may share a revision. One result each. After one without an answer the others are
    // UNAVAILABLE and not tried.
    virtual std::vector<Result<Revision>> commit_each(const std::vector<Transaction>& transactions);

    // Events after `after`. OUT_OF_RANGE when compacted ("too old"). `on_events`, when given, is
    // called from any thread, without locks held, when next() would have something; it must be
    // quick and must not write to the store, whose writers wait for it; it may be called when
    // nothing is there.
    virtual Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after,
                                                 std::function<void()> on_events = nullptr) = 0;

    // Forgets history before `revision`; current values stay.
    virtual Status compact(Revision revision) = 0;

    // Leases: keys put with one are removed, in one revision, when it ends.
    virtual Result<LeaseId> grant(Duration ttl) = 0;
    virtual Status keep_alive(LeaseId lease) = 0;  // NOT_FOUND once it has ended
    virtual Status revoke(LeaseId lease) = 0;

    // Removes the keys of leases that ended by the store's clock. Called by the owner now and then.
    virtual Status expire_leases() = 0;

    // For how long the store has not been reached: what get() and list() answer may be that old.
    // Zero while it is reached, and always for a store that is in this process.
    virtual Duration staleness() { return Duration::zero(); }
};

}  // namespace hf::store
