#include "serve/gateway/client_pool.h"

#include <iterator>

namespace hf::serve::gateway {

ClientPool::ClientPool(ClientOptionsOf options, Duration silence_max)
    : options_(std::move(options)), silence_max_(silence_max) {}

Result<ClientPool::Lease> ClientPool::take(const Replica& replica, bool patient, Instant now) {
    std::deque<Idle> old;  // closed without the lock
    {
        const MutexLock lock(mutex_);
        std::optional<Lease> lease = take_idle({replica.url, patient}, now, old);
        // Patience is for those who need it, haste does no harm to a connection that is there.
        if (!lease && patient) lease = take_idle({replica.url, false}, now, old);
        if (lease) return std::move(*lease);
    }
    return make(replica, patient, now);
}

std::optional<ClientPool::Lease> ClientPool::take_idle(const Key& key, Instant now,
                                                       std::deque<Idle>& old) {
    const auto at = idle_.find(key);
    if (at == idle_.end()) return std::nullopt;
    std::deque<Idle>& idle = at->second;
    while (!idle.empty() && now - idle.front().since > kIdleAgeMax) {
        old.push_back(std::move(idle.front()));
        idle.pop_front();
    }
    if (idle.empty()) return std::nullopt;
    Lease lease{std::move(idle.back().client), true, key.second, idle.back().made};
    idle.pop_back();
    return lease;
}

Result<ClientPool::Lease> ClientPool::make(const Replica& replica, bool patient,
                                           Instant now) const {
    http::ClientOptions options = options_ ? options_(replica) : http::ClientOptions();
    options.connect_timeout = patient ? kConnectTimeoutPatient : kConnectTimeout;
    options.acknowledge_timeout = kAcknowledgeTimeout;
    options.read_timeout = silence_max_;
    options.redirects_max = 0;
    std::unique_ptr<http::Client> client = HF_TRY(http::Client::create(std::move(options)));
    return Lease{std::move(client), false, patient, now};
}

void ClientPool::give_back(const Replica& replica, Lease lease, Instant now) {
    if (now - lease.made >= kClientLife) return;
    Idle surplus;  // closed without the lock
    const MutexLock lock(mutex_);
    std::deque<Idle>& idle = idle_[{replica.url, lease.patient}];
    idle.push_back({std::move(lease.client), now, lease.made});
    if (idle.size() <= kIdleClientsMax) return;
    surplus = std::move(idle.front());
    idle.pop_front();
}

void ClientPool::forget(const Replica& replica) {
    std::vector<std::deque<Idle>> gone;  // closed without the lock
    const MutexLock lock(mutex_);
    for (const bool patient : {false, true}) {
        const auto at = idle_.find({replica.url, patient});
        if (at == idle_.end()) continue;
        gone.push_back(std::move(at->second));
        idle_.erase(at);
    }
}

void ClientPool::keep_only(const std::set<std::string>& urls) {
    std::vector<std::deque<Idle>> gone;  // closed without the lock
    const MutexLock lock(mutex_);
    for (auto at = idle_.begin(); at != idle_.end();) {
        const bool kept = urls.contains(at->first.first);
        if (!kept) gone.push_back(std::move(at->second));
        at = kept ? std::next(at) : idle_.erase(at);
    }
}

}  // namespace hf::serve::gateway
