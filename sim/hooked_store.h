// A store that stands in front of another: it can die after some commits, as a server does that is
// killed, or be overtaken before one, as a leader is that was deposed; and it shows every commit
// that went through to a watcher, after changing it if asked to.
//
// Owned by one thread. REQUIRES: both stores' clock outlives them.

#pragma once

#include <optional>

#include "store/store.h"

namespace hf::sim {

class HookedStore final : public store::Store {
public:
    struct Hooks {
        std::function<void(store::Transaction&)> before;
        std::function<void(const store::Transaction&)> after;
        std::function<void()> overtake;
    };

    HookedStore(store::Store& inner, Hooks hooks) : inner_(inner), hooks_(std::move(hooks)) {}

    // `commits` more go through; then nothing does.
    void die_after(std::uint64_t commits) { left_ = commits; }
    bool is_dead() const { return dead_; }

    // `commits` more go through; before the next one, another server takes the lead. Null: none.
    void overtake_after(std::optional<std::uint64_t> commits) { overtaken_after_ = commits; }

    store::Revision revision() override { return inner_.revision(); }
    Result<store::KeyValue> get(std::string_view key) override { return inner_.get(key); }
    Result<store::ListResult> list(std::string_view prefix,
                                   const store::ListOptions& options) override {
        return inner_.list(prefix, options);
    }
    Result<store::Revision> commit(const store::Transaction& transaction) override {
        HF_TRY(alive());
        if (overtaken_after_ && (*overtaken_after_)-- == 0) {
            overtaken_after_.reset();
            hooks_.overtake();
        }
        store::Transaction sent = transaction;
        hooks_.before(sent);
        Result<store::Revision> done = inner_.commit(sent);
        if (done.ok()) hooks_.after(sent);
        return done;
    }
    Result<std::unique_ptr<store::Watch>> watch(std::string_view prefix, store::Revision after,
                                                std::function<void()> on_events) override {
        return inner_.watch(prefix, after, std::move(on_events));
    }
    Status compact(store::Revision revision) override { return inner_.compact(revision); }
    Result<store::LeaseId> grant(Duration ttl) override { return inner_.grant(ttl); }
    Status keep_alive(store::LeaseId lease) override { return inner_.keep_alive(lease); }
    Status revoke(store::LeaseId lease) override { return inner_.revoke(lease); }
    Status expire_leases() override { return inner_.expire_leases(); }

private:
    Status alive() {
        dead_ = dead_ || (left_ && *left_ == 0);
        if (dead_) return unavailable("the server was killed here");
        if (left_) --*left_;
        return {};
    }

    store::Store& inner_;
    const Hooks hooks_;
    std::optional<std::uint64_t> left_;
    std::optional<std::uint64_t> overtaken_after_;
    bool dead_ = false;
};

}  // namespace hf::sim
