#include "store/sqlite.h"

#include <map>

#include "base/mutex.h"
#include "store/commit_queue.h"
#include "store/database.h"
#include "store/group.h"
#include "store/leases.h"
#include "store/transaction.h"
#include "store/watch_hub.h"

namespace hf::store {
namespace {

constexpr std::int64_t kFormat = 1;

// history holds every state of every key that is not compacted; a removal is a state too.
constexpr const char* kSchema = R"(
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA mmap_size = 0;
PRAGMA cache_size = -16384;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS meta(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lease(id INTEGER PRIMARY KEY, ttl_ns INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS history(
    key BLOB NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL,
    lease INTEGER NOT NULL, removed INTEGER NOT NULL, value BLOB NOT NULL,
    PRIMARY KEY(key, revision)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS history_by_revision ON history(revision);
INSERT OR IGNORE INTO meta VALUES('format', 1), ('revision', 0), ('compacted', 0);
COMMIT;
)";

// Columns of every query that reads states.
constexpr std::string_view kColumns = "key, value, created, revision, lease, removed";

struct State {
    KeyValue state;
    bool removed = false;
};

State read_state(const Statement& row) {
    return {{row.bytes(0), row.bytes(1), Revision{row.integer(2)}, Revision{row.integer(3)},
             LeaseId{row.integer(4)}},
            row.integer(5) != 0};
}

class SqliteStore final : public Store {
public:
    SqliteStore(Database database, env::Clock& clock)
        : clock_(clock), database_(std::move(database)) {}

    Status open() {
        const MutexLock lock(mutex_);
        HF_TRY(database_.execute(kSchema));
        const std::int64_t format = HF_TRY(meta("format"));
        if (format != kFormat) {
            return failed_precondition(
                "the database has format {}, and this Holdfast knows {}; use a newer one", format,
                kFormat);
        }
        compacted_ = Revision{HF_TRY(meta("compacted"))};
        HF_TRY(prepare());
        HF_TRY(load_leases());
        return load_view();
    }

    Revision revision() override {
        const MutexLock lock(view_mutex_);
        return revision_;
    }

    Result<KeyValue> get(std::string_view key) override {
        const MutexLock lock(view_mutex_);
        const auto at = view_.find(key);
        if (at != view_.end()) return at->second;
        return not_found("no key '{}'", key);
    }

    Result<ListResult> list(std::string_view prefix, const ListOptions& options) override {
        {
            const MutexLock lock(view_mutex_);
            if (options.at == Revision{} || options.at == revision_)
                return list_view(prefix, options);
        }
        return list_history(prefix, options);
    }

    Result<Revision> commit(const Transaction& transaction) override {
        return std::move(commit_each({transaction}).front());
    }

    std::vector<Result<Revision>> commit_each(
        const std::vector<Transaction>& transactions) override {
        return queue_.commit(transactions);
    }

    Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after,
                                         std::function<void()> on_events) override {
        WatchHub::Start start{std::string(prefix), {}, {}, std::move(on_events)};
        {
            const MutexLock lock(view_mutex_);
            start.now = revision_;
            if (after == revision_) return hub_.open(std::move(start));
        }
        const MutexLock lock(mutex_);
        start.now = revision();  // stays so while nobody writes
        HF_TRY(check_revision(after, start.now, compacted_));
        const std::string end = end_of_prefix(prefix);
        since_.bind(1, prefix).bind(2, end).bind(3, after.value());
        // One more than a watch can queue is enough to end it as fallen behind.
        since_.bind(4, static_cast<std::int64_t>(kMaxQueuedEvents) + 1);
        while (HF_TRY(since_.step())) {
            State state = read_state(since_);
            Event event{state.removed ? Event::Kind::kRemove : Event::Kind::kPut,
                        std::move(state.state), std::nullopt};
            HF_TRY(set_previous(event));
            start.missed.push_back(std::move(event));
        }
        return hub_.open(std::move(start));
    }

    // What was superseded or removed before the last compaction is gone: only what came since is
    // looked at, however much there is.
    Status compact(Revision revision) override {
        const MutexLock lock(mutex_);
        HF_TRY(check_revision(revision, this->revision(), compacted_));
        HF_TRY(in_transaction([&]() HF_REQUIRES(mutex_) -> Status {
            HF_TRY(drop_superseded_.bind(1, compacted_.value()).bind(2, revision.value()).run());
            HF_TRY(drop_removed_.bind(1, compacted_.value()).bind(2, revision.value()).run());
            return set_meta("compacted", revision.value());
        }));
        compacted_ = revision;
        return {};
    }

    Result<LeaseId> grant(Duration ttl) override {
        if (ttl <= Duration::zero())
            return invalid_argument("a lease needs a time to live above 0");
        const MutexLock lock(mutex_);
        const LeaseId lease = leases_.grant(ttl, clock_.monotonic());
        const Status stored = put_lease_.bind(1, lease.value()).bind(2, ttl.count()).run();
        if (!stored.ok()) {
            leases_.forget(lease);
            return stored;
        }
        return lease;
    }

    Status keep_alive(LeaseId lease) override {
        const MutexLock lock(mutex_);
        return leases_.keep_alive(lease, clock_.monotonic());
    }

    Status revoke(LeaseId lease) override {
        std::vector<std::function<void()>> to_call;
        {
            const MutexLock lock(mutex_);
            Group group(revision());
            HF_TRY(group.add({{}, {}, leases_.keys(lease)}, reader()).status());
            HF_TRY(write(group, lease));
            to_call = publish(group);
            leases_.forget(lease);
        }
        for (const auto& call : to_call) call();
        return {};
    }

    Status expire_leases() override {
        std::vector<LeaseId> ended;
        {
            const MutexLock lock(mutex_);
            ended = leases_.ended(clock_.monotonic());
        }
        for (const LeaseId lease : ended) HF_TRY(revoke(lease));
        return {};
    }

private:
    Status prepare() HF_REQUIRES(mutex_) {
        find_ = HF_TRY(
            database_.prepare(fmt::format("SELECT {} FROM history WHERE key = ?1 AND revision < ?2 "
                                          "ORDER BY revision DESC LIMIT 1",
                                          kColumns)));
        // With max() in an aggregate, SQLite takes the other columns from the row of the maximum.
        list_ = HF_TRY(database_.prepare(
            "SELECT * FROM (SELECT key, value, created, max(revision), lease, removed "
            "FROM history WHERE key >= ?1 AND (?2 = x'' OR key < ?2) AND revision <= ?3 "
            "AND key > ?4 GROUP BY key ORDER BY key) WHERE removed = 0 LIMIT ?5"));
        since_ = HF_TRY(database_.prepare(
            fmt::format("SELECT {} FROM history WHERE key >= ?1 AND (?2 = x'' OR key < ?2) "
                        "AND revision > ?3 ORDER BY revision, key LIMIT ?4",
                        kColumns)));
        insert_ = HF_TRY(database_.prepare(
            fmt::format("INSERT INTO history({}) VALUES(?1, ?2, ?3, ?4, ?5, ?6)", kColumns)));
        drop_superseded_ = HF_TRY(database_.prepare(
            "DELETE FROM history WHERE (key, revision) IN (SELECT old.key, old.revision "
            "FROM history AS later JOIN history AS old "
            "ON old.key = later.key AND old.revision < later.revision "
            "WHERE later.revision > ?1 AND later.revision <= ?2)"));
        drop_removed_ = HF_TRY(database_.prepare(
            "DELETE FROM history WHERE revision > ?1 AND revision <= ?2 AND removed = 1"));
        put_lease_ = HF_TRY(database_.prepare("INSERT INTO lease VALUES(?1, ?2)"));
        drop_lease_ = HF_TRY(database_.prepare("DELETE FROM lease WHERE id = ?1"));
        return {};
    }

    Status load_leases() HF_REQUIRES(mutex_) {
        Statement leases = HF_TRY(database_.prepare("SELECT id, ttl_ns FROM lease"));
        while (HF_TRY(leases.step())) {
            leases_.restore(LeaseId{leases.integer(0)}, Duration(leases.integer(1)),
                            clock_.monotonic());
        }
        return {};
    }

    Status load_view() HF_REQUIRES(mutex_) {
        const MutexLock lock(view_mutex_);
        revision_ = Revision{HF_TRY(meta("revision"))};
        list_.bind(1, "").bind(2, "").bind(3, revision_.value()).bind(4, "").bind(5, -1);
        while (HF_TRY(list_.step())) {
            KeyValue now = read_state(list_).state;
            leases_.attach(now.key, now.lease);
            std::string key = now.key;
            view_.emplace_hint(view_.end(), std::move(key), std::move(now));
        }
        return {};
    }

    Result<std::int64_t> meta(std::string_view name) HF_REQUIRES(mutex_) {
        Statement query =
            HF_TRY(database_.prepare("SELECT value FROM meta WHERE name = CAST(?1 AS TEXT)"));
        query.bind(1, name);
        if (!HF_TRY(query.step())) return data_loss("the database has no '{}'", name);
        return query.integer(0);
    }

    Status set_meta(std::string_view name, std::int64_t value) HF_REQUIRES(mutex_) {
        Statement update =
            HF_TRY(database_.prepare("UPDATE meta SET value = ?2 WHERE name = CAST(?1 AS TEXT)"));
        return update.bind(1, name).bind(2, value).run();
    }

    // What was there before the event, where anything was.
    Status set_previous(Event& event) HF_REQUIRES(mutex_) {
        find_.bind(1, event.now.key).bind(2, event.now.modified.value());
        if (!HF_TRY(find_.step())) return {};
        State state = read_state(find_);
        find_.reset();
        if (!state.removed) event.previous = std::move(state.state);
        return {};
    }

    template <typename F>
    Status in_transaction(F body) HF_REQUIRES(mutex_) {
        HF_TRY(database_.execute("BEGIN IMMEDIATE"));
        Status status = body();
        if (status.ok()) status = database_.execute("COMMIT");
        if (!status.ok()) {
            // SQLite may have rolled back by itself; a second time is an error without effect.
            const Status ignored = database_.execute("ROLLBACK");
            (void)ignored;
        }
        return status;
    }

    Group::Find reader() {
        return [this](const std::string& key) -> std::optional<KeyValue> {
            const MutexLock lock(view_mutex_);
            const auto at = view_.find(key);
            return at == view_.end() ? std::nullopt : std::optional(at->second);
        };
    }

    ListResult list_view(std::string_view prefix, const ListOptions& options)
        HF_REQUIRES(view_mutex_) {
        ListResult result;
        result.revision = revision_;
        auto at = options.start_after < prefix ? view_.lower_bound(prefix)
                                               : view_.upper_bound(options.start_after);
        for (; at != view_.end() && at->first.starts_with(prefix); ++at) {
            result.more = options.limit != 0 && result.items.size() == options.limit;
            if (result.more) break;
            result.items.push_back(at->second);
        }
        return result;
    }

    Result<ListResult> list_history(std::string_view prefix, const ListOptions& options) {
        const MutexLock lock(mutex_);
        HF_TRY(check_revision(options.at, revision(), compacted_));
        ListResult result;
        result.revision = options.at;
        const std::string end = end_of_prefix(prefix);
        list_.bind(1, prefix).bind(2, end).bind(3, options.at.value());
        list_.bind(4, options.start_after);
        // One more than the limit tells whether there is more.
        list_.bind(5, options.limit == 0 ? -1 : static_cast<std::int64_t>(options.limit) + 1);
        while (HF_TRY(list_.step())) result.items.push_back(read_state(list_).state);
        if (options.limit != 0 && result.items.size() > options.limit) {
            result.items.pop_back();
            result.more = true;
        }
        return result;
    }

    Status check(const Transaction& transaction) HF_REQUIRES(mutex_) {
        HF_TRY(check_transaction(transaction));
        for (const Put& put : transaction.puts) {
            if (put.lease != LeaseId{}) HF_TRY(leases_.check(put.lease, clock_.monotonic()));
        }
        return {};
    }

    // All of the group in one transaction of SQLite.
    void commit_group(const std::vector<Batch*>& batches) {
        std::vector<std::function<void()>> to_call;
        {
            const MutexLock lock(mutex_);
            Group group(revision());
            for (Batch* batch : batches) {
                for (const Transaction& each : batch->transactions) {
                    const Status checked = check(each);
                    batch->results.push_back(checked.ok() ? group.add(each, reader())
                                                          : Result<Revision>(checked));
                }
            }
            const Status written = write(group, LeaseId{});
            if (written.ok()) {
                to_call = publish(group);
            } else {
                for (Batch* batch : batches) fail_all(batch->results, written);
            }
        }
        for (const auto& call : to_call) call();
    }

    static void fail_all(std::vector<Result<Revision>>& results, const Status& why) {
        for (Result<Revision>& result : results) {
            // What lost may have lost against something that is not there now.
            if (result.ok() || result.status().code() == Code::kAborted) result = why;
        }
    }

    // With `ended`, that lease is dropped in the same step.
    Status write(const Group& group, LeaseId ended) HF_REQUIRES(mutex_) {
        if (group.events().empty() && ended == LeaseId{}) return {};
        return in_transaction([&]() HF_REQUIRES(mutex_) -> Status {
            if (ended != LeaseId{}) HF_TRY(drop_lease_.bind(1, ended.value()).run());
            if (group.events().empty()) return {};
            for (const Event& event : group.events()) {
                const KeyValue& now = event.now;
                insert_.bind(1, now.key).bind(2, now.value).bind(3, now.created.value());
                insert_.bind(4, now.modified.value()).bind(5, now.lease.value());
                HF_TRY(insert_.bind(6, event.kind == Event::Kind::kRemove ? 1 : 0).run());
            }
            return set_meta("revision", group.revision().value());
        });
    }

    // What is durable shows.
    std::vector<std::function<void()>> publish(const Group& group) HF_REQUIRES(mutex_) {
        if (group.events().empty()) return {};
        for (const Event& event : group.events()) leases_.attach(event.now.key, event.now.lease);
        const MutexLock lock(view_mutex_);
        for (const Event& event : group.events()) {
            if (event.kind == Event::Kind::kRemove) {
                view_.erase(event.now.key);
            } else {
                view_.insert_or_assign(event.now.key, event.now);
            }
        }
        revision_ = group.revision();
        return hub_.publish(group.events(), revision_);
    }

    env::Clock& clock_;
    Mutex mutex_;
    Database database_ HF_GUARDED_BY(mutex_);
    Revision compacted_ HF_GUARDED_BY(mutex_){0};
    Statement find_ HF_GUARDED_BY(mutex_);
    Statement list_ HF_GUARDED_BY(mutex_);
    Statement since_ HF_GUARDED_BY(mutex_);
    Statement insert_ HF_GUARDED_BY(mutex_);
    Statement drop_superseded_ HF_GUARDED_BY(mutex_);
    Statement drop_removed_ HF_GUARDED_BY(mutex_);
    Statement put_lease_ HF_GUARDED_BY(mutex_);
    Statement drop_lease_ HF_GUARDED_BY(mutex_);
    Leases leases_ HF_GUARDED_BY(mutex_);
    CommitQueue queue_{[this](const std::vector<Batch*>& group) { commit_group(group); }};

    // What is durable, as the newest revision has it: reading waits for no disk. Written with both
    // locks held, the other one first.
    Mutex view_mutex_;
    std::map<std::string, KeyValue, std::less<>> view_ HF_GUARDED_BY(view_mutex_);
    Revision revision_ HF_GUARDED_BY(view_mutex_){0};
    WatchHub hub_;  // is told in the order of revisions
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::string& path, env::Clock& clock) {
    Database database = HF_TRY(Database::open(path).context("database {}", path));
    auto store = std::make_unique<SqliteStore>(std::move(database), clock);
    HF_TRY(store->open().context("database {}", path));
    return std::unique_ptr<Store>(std::move(store));
}

}  // namespace hf::store
