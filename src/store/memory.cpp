#include "store/memory.h"

#include <algorithm>
#include <map>

#include "base/mutex.h"
#include "store/leases.h"
#include "store/transaction.h"
#include "store/watch_hub.h"

namespace hf::store {
namespace {

// One state of a key; a tombstone when `removed`.
struct Version {
    KeyValue state;
    bool removed = false;
};

class MemoryStore final : public Store {
public:
    explicit MemoryStore(env::Clock& clock) : clock_(clock) {}

    Revision revision() override {
        const MutexLock lock(mutex_);
        return revision_;
    }

    Result<KeyValue> get(std::string_view key) override {
        const MutexLock lock(mutex_);
        if (const KeyValue* now = find(key, revision_)) return *now;
        return not_found("no key '{}'", key);
    }

    Result<ListResult> list(std::string_view prefix, const ListOptions& options) override {
        const MutexLock lock(mutex_);
        const Revision at = options.at == Revision{} ? revision_ : options.at;
        HF_TRY(check_revision(at, revision_, compacted_));
        ListResult result;
        result.revision = at;
        for (auto entry = keys_.lower_bound(prefix); entry != keys_.end(); ++entry) {
            if (!entry->first.starts_with(prefix)) break;
            if (!options.start_after.empty() && entry->first <= options.start_after) continue;
            const KeyValue* state = find(entry->first, at);
            if (!state) continue;
            if (options.limit != 0 && result.items.size() == options.limit) {
                result.more = true;
                break;
            }
            result.items.push_back(*state);
        }
        return result;
    }

    Result<Revision> commit(const Transaction& transaction) override {
        HF_TRY(check_transaction(transaction));
        std::vector<std::function<void()>> to_call;
        Revision done;
        {
            const MutexLock lock(mutex_);
            for (const Compare& compare : transaction.compares) {
                const KeyValue* now = find(compare.key, revision_);
                const Revision modified = now ? now->modified : Revision{};
                if (modified != compare.modified) {
                    return aborted("'{}' is at revision {}, not {}; read it again", compare.key,
                                   modified.value(), compare.modified.value());
                }
            }
            for (const Put& put : transaction.puts) {
                if (put.lease != LeaseId{}) HF_TRY(leases_.check(put.lease, clock_.monotonic()));
            }
            to_call = apply(transaction);
            done = revision_;
        }
        for (const auto& call : to_call) call();
        return done;
    }

    Result<std::unique_ptr<Watch>> watch(std::string_view prefix, Revision after,
                                         std::function<void()> on_events) override {
        const MutexLock lock(mutex_);
        HF_TRY(check_revision(after, revision_, compacted_));
        WatchHub::Start start{std::string(prefix), {}, revision_, std::move(on_events)};
        const auto later = [](Revision revision, const Event& event) {
            return revision < event.now.modified;
        };
        for (auto at = std::upper_bound(events_.begin(), events_.end(), after, later);
             at != events_.end(); ++at) {
            if (at->now.key.starts_with(prefix)) start.missed.push_back(*at);
        }
        return hub_.open(std::move(start));
    }

    Status compact(Revision revision) override {
        const MutexLock lock(mutex_);
        HF_TRY(check_revision(revision, revision_, compacted_));
        compacted_ = revision;
        std::erase_if(events_, [&](const Event& event) { return event.now.modified <= revision; });
        for (auto entry = keys_.begin(); entry != keys_.end();) {
            std::vector<Version>& versions = entry->second;
            auto keep = std::find_if(versions.rbegin(), versions.rend(), [&](const Version& v) {
                return v.state.modified <= revision;
            });
            if (keep != versions.rend()) {
                auto first = std::prev(keep.base());
                if (first->removed) ++first;
                versions.erase(versions.begin(), first);
            }
            entry = versions.empty() ? keys_.erase(entry) : std::next(entry);
        }
        return {};
    }

    Result<LeaseId> grant(Duration ttl) override {
        if (ttl <= Duration::zero())
            return invalid_argument("a lease needs a time to live above 0");
        const MutexLock lock(mutex_);
        return leases_.grant(ttl, clock_.monotonic());
    }

    Status keep_alive(LeaseId lease) override {
        const MutexLock lock(mutex_);
        return leases_.keep_alive(lease, clock_.monotonic());
    }

    Status revoke(LeaseId lease) override {
        std::vector<std::function<void()>> to_call;
        {
            const MutexLock lock(mutex_);
            to_call = apply({{}, {}, leases_.keys(lease)});
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
    const KeyValue* find(std::string_view key, Revision at) const HF_REQUIRES(mutex_) {
        const auto entry = keys_.find(key);
        if (entry == keys_.end()) return nullptr;
        const std::vector<Version>& versions = entry->second;
        const auto version = std::find_if(versions.rbegin(), versions.rend(),
                                          [&](const Version& v) { return v.state.modified <= at; });
        return version == versions.rend() || version->removed ? nullptr : &version->state;
    }

    std::vector<std::function<void()>> apply(const Transaction& transaction) HF_REQUIRES(mutex_) {
        const Revision next{revision_.value() + 1};
        std::vector<Event> events;
        const auto add = [&](Event::Kind kind, KeyValue now) HF_REQUIRES(mutex_) {
            const KeyValue* before = find(now.key, revision_);
            if (kind == Event::Kind::kRemove && !before) return;
            Event event{kind, std::move(now), std::nullopt};
            if (before) event.previous = *before;
            event.now.created = before ? before->created : next;
            leases_.attach(event.now.key, event.now.lease);
            events.push_back(std::move(event));
        };
        for (const Put& put : transaction.puts) {
            add(Event::Kind::kPut, {put.key, put.value, next, next, put.lease});
        }
        for (const std::string& key : transaction.removes) {
            add(Event::Kind::kRemove, {key, "", next, next, LeaseId{}});
        }
        if (events.empty()) return {};
        for (const Event& event : events) {
            keys_[event.now.key].push_back({event.now, event.kind == Event::Kind::kRemove});
        }
        revision_ = next;
        events_.insert(events_.end(), events.begin(), events.end());
        return hub_.publish(events, revision_);
    }

    env::Clock& clock_;
    Mutex mutex_;
    Revision revision_ HF_GUARDED_BY(mutex_){0};
    Revision compacted_ HF_GUARDED_BY(mutex_){0};
    std::map<std::string, std::vector<Version>, std::less<>> keys_ HF_GUARDED_BY(mutex_);
    std::vector<Event> events_ HF_GUARDED_BY(mutex_);
    Leases leases_ HF_GUARDED_BY(mutex_);
    WatchHub hub_ HF_GUARDED_BY(mutex_);  // is told in the order of revisions
};

}  // namespace

std::unique_ptr<Store> make_memory_store(env::Clock& clock) {
    return std::make_unique<MemoryStore>(clock);
}

}  // namespace hf::store
