#include "control/apply/leadership.h"

#include <pthread.h>

#include <thread>

#include "base/mutex.h"
#include "control/apply/waker.h"

namespace hf::control {
namespace {

constexpr int kMaxMoves = 4;  // in one look: lease, key, lead

class RealLeadership final : public Leadership {
public:
    RealLeadership(store::Store& store, env::Clock& clock, LeadershipOptions options)
        : store_(store), clock_(clock), options_(std::move(options)) {}

    void begin() {
        look();
        thread_ = std::thread([this] {
            pthread_setname_np(pthread_self(), "hf-leader");
            run();
        });
    }

    ~RealLeadership() override {
        {
            const MutexLock lock(mutex_);
            stopping_ = true;
        }
        changed_.notify_all();
        thread_.join();
        waker_.close();
        watch_.reset();
        // The key goes with the lease, and the next leads at once.
        if (self_.lease) {
            const Status ignored = store_.revoke(*self_.lease);
            (void)ignored;
        }
    }

    std::optional<store::Compare> fence() override {
        const MutexLock lock(mutex_);
        if (!token_ || clock_.monotonic() >= lease_ends_) return std::nullopt;
        return store::Compare{std::string(kLeaderKey), *token_};
    }

    std::string leader() override {
        const MutexLock lock(mutex_);
        return leader_;
    }

private:
    void run() {
        MutexLock lock(mutex_);
        while (!stopping_) {
            changed_.wait_for(lock, kLeaderBeat,
                              [this]() HF_REQUIRES(mutex_) { return stopping_ || news_; });
            if (stopping_) return;
            news_ = false;
            lock.unlock();
            look();
            lock.lock();
        }
    }

    // What fails is tried again at the next beat; a lease that is not renewed ends by the clock.
    void look() {
        renew();
        const Status status = move();
        (void)status;
        follow_key();
        publish();
        const bool leads_now = leads();
        if (leads_now != told_ && options_.on_change) options_.on_change(leads_now);
        told_ = leads_now;
    }

    void renew() {
        if (!self_.lease) return;
        const Duration now = clock_.monotonic();
        const Status renewed = store_.keep_alive(*self_.lease);
        if (renewed.ok()) self_.lease_ends = now + options_.term;
        if (renewed.code() == Code::kNotFound) self_ = Candidacy();
    }

    Status move() {
        // Over a store of one process nobody else ends leases while nobody leads.
        HF_TRY(store_.expire_leases());
        for (int i = 0; i < kMaxMoves; ++i) {
            std::optional<store::KeyValue> seen;
            HF_TRY(read_key(seen));
            seen_ = seen ? seen->value : std::string();
            const Duration now = clock_.monotonic();
            switch (decide_leadership(self_, seen, options_.name, now)) {
                case LeaderMove::kAskForLease:
                    self_ = Candidacy();
                    self_.lease = HF_TRY(store_.grant(options_.term));
                    self_.lease_ends = now + options_.term;
                    break;
                case LeaderMove::kWriteKey:
                    HF_TRY(write_key(seen ? seen->modified : store::Revision{}));
                    break;
                case LeaderMove::kStepDown: self_.token.reset(); break;
                case LeaderMove::kLead:
                case LeaderMove::kFollow: return {};
            }
        }
        return {};
    }

    // Nothing where there is no such key.
    Status read_key(std::optional<store::KeyValue>& seen) {
        Result<store::KeyValue> found = store_.get(kLeaderKey);
        if (found.status().code() == Code::kNotFound) return {};
        HF_TRY(found.status());
        seen.emplace(std::move(*found));
        return {};
    }

    Status write_key(store::Revision compared) {
        store::Transaction transaction;
        transaction.compares.push_back({std::string(kLeaderKey), compared});
        transaction.puts.push_back({std::string(kLeaderKey), options_.name, *self_.lease});
        const Result<store::Revision> written = store_.commit(transaction);
        if (written.status().code() == Code::kAborted) return {};  // another was first
        // One that ended unseen: a new one at the next look.
        if (written.status().code() == Code::kNotFound) self_ = Candidacy();
        HF_TRY(written.status());
        self_.token = *written;
        return {};
    }

    // Hears at once when the leader's key goes.
    void follow_key() {
        if (watch_ && watch_->next(Duration::zero()).ok()) return;
        watch_.reset();
        Result<std::unique_ptr<store::Watch>> watch =
            store_.watch(kLeaderKey, store_.revision(), waker_.callback());
        if (watch.ok()) watch_ = std::move(*watch);
    }

    void wake() {
        {
            const MutexLock lock(mutex_);
            news_ = true;
        }
        changed_.notify_all();
    }

    void publish() {
        const MutexLock lock(mutex_);
        token_ = self_.token;
        lease_ends_ = self_.lease_ends;
        leader_ = seen_;
    }

    store::Store& store_;
    env::Clock& clock_;
    const LeadershipOptions options_;

    // The thread's; start() uses them before it is there.
    Candidacy self_;
    std::string seen_;
    bool told_ = false;
    std::unique_ptr<store::Watch> watch_;

    Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool news_ HF_GUARDED_BY(mutex_) = false;
    std::optional<store::Revision> token_ HF_GUARDED_BY(mutex_);
    Duration lease_ends_ HF_GUARDED_BY(mutex_){};
    std::string leader_ HF_GUARDED_BY(mutex_);

    Waker waker_{[this] { wake(); }};
    std::thread thread_;
};

}  // namespace

LeaderMove decide_leadership(const Candidacy& self, const std::optional<store::KeyValue>& seen,
                             std::string_view name, Duration now) {
    if (!self.lease || now >= self.lease_ends) return LeaderMove::kAskForLease;
    if (self.token) {
        const bool holds = seen && seen->modified == *self.token;
        return holds ? LeaderMove::kLead : LeaderMove::kStepDown;
    }
    const bool open = !seen || seen->value == name;
    return open ? LeaderMove::kWriteKey : LeaderMove::kFollow;
}

std::unique_ptr<Leadership> Leadership::start(store::Store& store, env::Clock& clock,
                                              LeadershipOptions options) {
    auto leadership = std::make_unique<RealLeadership>(store, clock, std::move(options));
    leadership->begin();
    return leadership;
}

}  // namespace hf::control
