#include "control/apply/presence.h"

#include <pthread.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "base/mutex.h"

namespace hf::control {
namespace {

std::string key_of(const std::string& node) {
    return fmt::format("{}{}", kHeardPrefix, node);
}

class RealPresence final : public Presence {
public:
    RealPresence(store::Store& store, env::Clock& clock, std::string server, Duration term)
        : store_(store), clock_(clock), server_(std::move(server)), table_(server_, term) {}

    void begin() {
        thread_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-presence");
            run();
        });
    }

    ~RealPresence() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        stop_.notify_all();
        thread_.join();
        if (!lease_) return;
        const Status ignored = store_.revoke(*lease_);
        (void)ignored;
    }

    void heard(const std::string& node) override {
        const MutexLock lock(mutex_);
        table_.heard(node, clock_.monotonic());
    }

    void parted(const std::string& node) override {
        const MutexLock lock(mutex_);
        table_.parted(node, clock_.monotonic());
    }

private:
    void run() {
        for (;;) {
            {
                MutexLock lock(mutex_);
                stop_.wait_for(lock, kPresenceBeat,
                               [this]() HF_REQUIRES(mutex_) { return stopping_; });
                if (stopping_) return;
                if (table_.idle()) continue;
            }
            // What fails is found again at the next beat.
            const Status status = beat();
            (void)status;
        }
    }

    Status beat() {
        if (lease_) {
            const Status kept = store_.keep_alive(*lease_);
            if (kept.code() == Code::kNotFound)
                lease_.reset();
            else
                HF_TRY(kept);
        }
        const std::map<std::string, HeardBy> seen = HF_TRY(read_heard(store_));
        PresenceTable::Changes changes;
        {
            const MutexLock lock(mutex_);
            changes = table_.changes(seen, clock_.monotonic());
        }
        const bool writes = !changes.enter.empty() || !changes.silent.empty();
        if (writes && !lease_) lease_ = HF_TRY(store_.grant(kPresenceLease));
        for (std::size_t i = 0; i < changes.enter.size(); i += kMaxPresenceBatch) {
            store::Transaction enter;
            const std::size_t end = std::min(i + kMaxPresenceBatch, changes.enter.size());
            for (std::size_t k = i; k < end; ++k) {
                enter.puts.push_back({key_of(changes.enter[k]), server_, *lease_});
            }
            HF_TRY(store_.commit(enter).status());
        }
        for (store::Compare& compare : changes.silent) {
            const store::Put nobody{compare.key, "", *lease_};
            const Status told = store_.commit({{std::move(compare)}, {nobody}, {}}).status();
            // Another server has it now.
            if (told.code() != Code::kAborted) HF_TRY(told);
        }
        return {};
    }

    store::Store& store_;
    env::Clock& clock_;
    const std::string server_;
    std::optional<store::LeaseId> lease_;  // the thread's

    Mutex mutex_;
    ConditionVariable stop_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    PresenceTable table_ HF_GUARDED_BY(mutex_);
    std::thread thread_;
};

}  // namespace

void PresenceTable::heard(const std::string& node, Duration now) {
    heard_[node] = now;
}

void PresenceTable::parted(const std::string& node, Duration now) {
    const auto at = heard_.find(node);
    if (at == heard_.end()) return;
    at->second = std::min(at->second, now - term_ + std::min(term_, kReconnectGrace));
}

PresenceTable::Changes PresenceTable::changes(const std::map<std::string, HeardBy>& seen,
                                              Duration now) {
    Changes changes;
    for (const auto& [node, by] : seen) {
        if (by.server != server_) continue;
        // One from before this process began has a term to be heard again.
        const Duration heard = heard_.emplace(node, now).first->second;
        if (now - heard > term_) changes.silent.push_back({key_of(node), by.at});
    }
    for (const auto& [node, heard] : heard_) {
        const auto at = seen.find(node);
        const bool here = at != seen.end() && at->second.server == server_;
        if (!here && heard > last_ && now - heard <= term_) changes.enter.push_back(node);
    }
    std::erase_if(heard_, [&](const auto& entry) { return now - entry.second > term_; });
    last_ = now;
    return changes;
}

Result<std::map<std::string, HeardBy>> read_heard(store::Store& store) {
    const store::ListResult list = HF_TRY(store.list(kHeardPrefix, {}));
    std::map<std::string, HeardBy> heard;
    for (const store::KeyValue& item : list.items) {
        heard[item.key.substr(kHeardPrefix.size())] = {item.value, item.modified};
    }
    return heard;
}

std::unique_ptr<Presence> Presence::start(store::Store& store, env::Clock& clock,
                                          std::string server, Duration term) {
    auto presence = std::make_unique<RealPresence>(store, clock, std::move(server), term);
    presence->begin();
    return presence;
}

HeardElsewhere::HeardElsewhere(store::Store& store, std::string server,
                               std::function<void()> on_events)
    : store_(store), server_(std::move(server)), on_events_(std::move(on_events)) {}

Result<HeardElsewhere::News> HeardElsewhere::update() {
    if (!watch_ || !watch_->next(Duration::zero()).ok()) {
        watch_ = HF_TRY(store_.watch(kHeardPrefix, store_.revision(), on_events_));
    }
    const std::map<std::string, HeardBy> heard = HF_TRY(read_heard(store_));
    News news;
    for (const auto& [node, by] : heard) {
        if (by.server.empty()) {
            if (last_.contains(node)) news.silent.insert(node);
        } else if (by.server != server_) {
            news.heard.insert(node);
        }
    }
    last_ = news.heard;
    return news;
}

}  // namespace hf::control
