// Cache: all keys of a store over etcd as they were at one revision, with the latest changes. One
// thread feeds it from etcd's watch; lists are answered from it once it is known to be recent
// enough, local watches hang on it, and all reads come from it while etcd is away.
//
// Keeps the last kMaxHistoryEvents changes, so that a watch may begin a little in the past. What is
// at or below the revision that it shows is not taken again: etcd 3.4 sends events twice, and old
// ones after a member has restored a snapshot.
//
// Thread-safety: all methods from any thread; load() and apply() from one at a time. Callbacks are
// called without locks held, before wait_for() lets those who wait for their revision go on.

#pragma once

#include <deque>
#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "store/store.h"
#include "store/watch_hub.h"

namespace hf::store::etcd {

inline constexpr std::size_t kMaxHistoryEvents = kMaxQueuedEvents;
inline constexpr std::size_t kMaxHistoryBytes = 64u << 20;

class Cache final {
public:
    Revision revision() HF_EXCLUDES(mutex_);

    // True once everything up to `revision` is in and told; false after `patience`.
    bool wait_for(Revision revision, Duration patience) HF_EXCLUDES(mutex_);

    // Puts a whole state in the place of what was there. Watches that were open end: what happened
    // between is not known.
    void load(std::vector<KeyValue> items, Revision revision) HF_EXCLUDES(mutex_);

    // Takes the events of one message, in order of revision.
    void apply(std::vector<Event> events) HF_EXCLUDES(mutex_);

    Result<KeyValue> get(std::string_view key) HF_EXCLUDES(mutex_);
    ListResult list(std::string_view prefix, const ListOptions& options) HF_EXCLUDES(mutex_);

    // Which key is at which revision, and the revision of it all.
    struct Summary {
        std::map<std::string, Revision> keys;
        Revision revision;
    };
    Summary summary() HF_EXCLUDES(mutex_);

    // Watches may not begin before `revision` any more.
    void forget_before(Revision revision) HF_EXCLUDES(mutex_);

    struct Start {
        std::string prefix;
        Revision after;
        std::vector<Event> missed;  // from elsewhere: all after `after` and up to `missed_to`
        Revision missed_to;
        std::function<void()> on_events;
    };
    // Null when the history does not reach back to `after`, or to `missed_to` when that is later.
    std::unique_ptr<Watch> open(Start& start) HF_EXCLUDES(mutex_);

private:
    void remember(const Event& event) HF_REQUIRES(mutex_);
    Event taken(Event event) HF_REQUIRES(mutex_);
    void settle(Revision revision) HF_EXCLUDES(mutex_);

    Mutex mutex_;
    ConditionVariable changed_;
    std::map<std::string, KeyValue, std::less<>> keys_ HF_GUARDED_BY(mutex_);
    Revision revision_ HF_GUARDED_BY(mutex_){0};
    Revision settled_ HF_GUARDED_BY(mutex_){0};  // its watches have been told
    std::deque<Event> history_ HF_GUARDED_BY(mutex_);
    std::size_t history_bytes_ HF_GUARDED_BY(mutex_) = 0;
    Revision history_from_ HF_GUARDED_BY(mutex_){0};  // every change after it is in the history
    WatchHub hub_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::store::etcd
