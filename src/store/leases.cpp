#include "store/leases.h"

#include <algorithm>

namespace hf::store {

LeaseId Leases::grant(Duration ttl, Duration now) {
    const LeaseId lease{last_ + 1};
    restore(lease, ttl, now);
    return lease;
}

void Leases::restore(LeaseId lease, Duration ttl, Duration now) {
    last_ = std::max(last_, lease.value());
    leases_[lease] = {ttl, now + ttl, {}};
}

Status Leases::check(LeaseId lease, Duration now) const {
    const auto at = leases_.find(lease);
    if (at == leases_.end() || at->second.ends <= now) {
        return not_found("lease {} has ended; ask for a new one", lease.value());
    }
    return {};
}

Status Leases::keep_alive(LeaseId lease, Duration now) {
    HF_TRY(check(lease, now));
    Lease& entry = leases_[lease];
    entry.ends = now + entry.ttl;
    return {};
}

void Leases::attach(const std::string& key, LeaseId lease) {
    if (const auto at = by_key_.find(key); at != by_key_.end()) {
        if (const auto old = leases_.find(at->second); old != leases_.end()) {
            old->second.keys.erase(key);
        }
        by_key_.erase(at);
    }
    if (lease == LeaseId{}) return;
    by_key_[key] = lease;
    leases_[lease].keys.insert(key);
}

std::vector<LeaseId> Leases::ended(Duration now) const {
    std::vector<LeaseId> out;
    for (const auto& [lease, entry] : leases_) {
        if (entry.ends <= now) out.push_back(lease);
    }
    return out;
}

std::vector<std::string> Leases::keys(LeaseId lease) const {
    const auto at = leases_.find(lease);
    if (at == leases_.end()) return {};
    return {at->second.keys.begin(), at->second.keys.end()};
}

void Leases::forget(LeaseId lease) {
    for (const std::string& key : keys(lease)) by_key_.erase(key);
    leases_.erase(lease);
}

}  // namespace hf::store
