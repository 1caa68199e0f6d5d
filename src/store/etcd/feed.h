// Feed: keeps a Cache in step with etcd: loads it, watches from there, goes on after an
// interruption where it was, loads again after a compaction. Also knows whether etcd can be reached
// and for how long it could not.
//
// Owns the threads "hf-etcd-watch" and "hf-etcd-probe", from start() to its end. Thread-safety: the
// rest from any thread.

#pragma once

#include <atomic>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "env/clock.h"
#include "store/etcd/cache.h"
#include "store/etcd/members.h"

namespace hf::store::etcd {

inline constexpr Duration kProbeInterval = std::chrono::milliseconds(500);

// How long the watch may lag behind what etcd says before it is begun again, with another member.
inline constexpr Duration kMaxWatchLag = std::chrono::seconds(1);

inline constexpr Duration kCompareInterval = std::chrono::minutes(5);

class Feed final {
public:
    // REQUIRES: all outlive it. `prefix` ends in "/".
    Feed(Members& members, Cache& cache, env::Clock& clock, std::string prefix);
    ~Feed();
    Feed(const Feed&) = delete;
    Feed& operator=(const Feed&) = delete;

    // Loads the cache, then keeps it in step. Once.
    Status start();

    // Where etcd is now. UNAVAILABLE at once while it is away.
    Result<Revision> current();

    bool away() const { return away_; }
    Duration staleness() const;

    // A question was answered; or none was.
    void reached();
    void missed() { away_ = true; }

    // Compares the cache with what etcd has at the same revision; loads anew where they differ.
    // Whether they were the same. Every kCompareInterval by itself.
    Result<bool> compare();

private:
    Status load();
    Result<Revision> ask();
    void watch();
    Status follow();
    Status take(ByteView bytes);
    void probe();
    void look();
    Result<bool> behind(Revision seen);
    bool pause(Duration time) HF_EXCLUDES(mutex_);
    bool stopping() HF_EXCLUDES(mutex_);

    Members& members_;
    Cache& cache_;
    env::Clock& clock_;
    const std::string prefix_;
    std::atomic<bool> away_{false};
    std::atomic<bool> cut_{false};     // the watch is to begin again
    std::atomic<bool> reload_{false};  // from a whole list
    std::atomic<Duration::rep> reached_{0};

    // The probe's thread's.
    Duration even_since_{};  // when the watch was last seen not to lag
    Duration compared_{};
    int backwards_ = 0;  // probes in a row that showed an older store than the one held

    Mutex mutex_;
    ConditionVariable stop_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    std::thread watcher_, prober_;
};

// All keys below the prefix at one revision, in pages. `revision` 0: now. RESOURCE_EXHAUSTED beyond
// kMaxCopyBytes.
struct Listed {
    std::vector<KeyValue> items;
    std::int64_t revision = 0;  // etcd's
    bool more = false;
};
struct ListQuery {
    std::string_view prefix;       // of the store
    std::string_view within;       // below it
    std::string_view start_after;  // as ListOptions has it
    std::size_t limit = 0;
    std::int64_t revision = 0;
    bool keys_only = false;
};
Result<Listed> list_pages(Members& members, const ListQuery& query);

}  // namespace hf::store::etcd
