// FencedStore: the store as the leader writes to it. Every commit compares the leader's fencing
// token (leadership.h) in the same transaction, so that one that was deposed, and does not know it
// yet, changes nothing. Reads, watches and leases go through as they are.
//
// Thread-safety: as the store below. Errors: FAILED_PRECONDITION when this server does not lead, in
// place of the ABORTED that means something else to callers.

#pragma once

#include <functional>
#include <optional>

#include "store/store.h"

namespace hf::control {

class FencedStore final : public store::Store {
public:
    // `fence`: Leadership::fence(). REQUIRES: both outlive this.
    FencedStore(store::Store& inner, std::function<std::optional<store::Compare>()> fence);

    store::Revision revision() override { return inner_.revision(); }
    Result<store::KeyValue> get(std::string_view key) override { return inner_.get(key); }
    Result<store::ListResult> list(std::string_view prefix,
                                   const store::ListOptions& options) override {
        return inner_.list(prefix, options);
    }
    Result<store::Revision> commit(const store::Transaction& transaction) override;
    std::vector<Result<store::Revision>> commit_each(
        const std::vector<store::Transaction>& transactions) override;
    Result<std::unique_ptr<store::Watch>> watch(std::string_view prefix, store::Revision after,
                                                std::function<void()> on_events) override {
        return inner_.watch(prefix, after, std::move(on_events));
    }
    Status compact(store::Revision revision) override;
    Result<store::LeaseId> grant(Duration ttl) override { return inner_.grant(ttl); }
    Status keep_alive(store::LeaseId lease) override { return inner_.keep_alive(lease); }
    Status revoke(store::LeaseId lease) override { return inner_.revoke(lease); }
    Status expire_leases() override { return inner_.expire_leases(); }
    Duration staleness() override { return inner_.staleness(); }

private:
    bool is_deposed(const store::Compare& fence);

    store::Store& inner_;
    const std::function<std::optional<store::Compare>()> fence_;
};

}  // namespace hf::control
