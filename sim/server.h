// Server: the control plane of a simulated world: the real resources over a store in memory, the
// real rounds of the reconciler, and what nodes may ask, as they would over HTTP. The process can
// be killed at any commit and started again on the same store, and another server can take the lead
// before any; the store can be put back to an earlier backup.
//
// Owned by one thread.

#pragma once

#include <memory>
#include <set>

#include "control/apply/fenced_store.h"
#include "control/apply/round.h"
#include "control/server/enrolment_record.h"
#include "env/entropy.h"
#include "node/control_plane.h"
#include "sim/hooked_store.h"
#include "sim/order_checks.h"
#include "sim/rollout_checks.h"

namespace hf::sim {

// Identifiers from the seed of the world.
class DiceEntropy final : public env::Entropy {
public:
    explicit DiceEntropy(std::uint64_t seed) : rng_(seed) {}
    void fill(std::span<std::uint8_t> bytes) override {
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(rng_.next());
    }

private:
    Rng rng_;
};

class Server final {
public:
    explicit Server(Context& context);

    // Starts it, also again. Every life has its own Resources; nothing of the last one is left.
    void start();
    void kill();
    bool is_up() const { return resources_ != nullptr; }
    void restart_within(Duration most);

    resources::Resources& resources() { return *resources_; }  // REQUIRES: is_up()
    OrderChecks& order_checks() { return checks_; }
    RolloutChecks& rollout_checks() { return rollout_checks_; }

    // A machine joins, at that site; its certificate is not believed any more.
    void enrol(const std::string& node, const std::string& site);
    void revoke(const std::string& node);

    // What nodes ask. UNAVAILABLE while it is down, UNAUTHENTICATED when the node is revoked.
    Result<api::Object> enlist(const std::string& node);
    Status send(const std::string& node, const std::function<Status(node::ControlPlane&)>& what);
    Status follow(const std::string& node, std::function<void(const api::Object*)> on_node);
    void unfollow(const std::string& node) { streams_.erase(node); }

    void take_backup();
    bool restore_backup();  // false when there is none
    std::uint64_t restored() const { return restored_; }

    std::function<void()> on_kill;  // all connections break

private:
    struct Stream {
        std::unique_ptr<resources::ObjectWatch> watch;
        std::function<void(const api::Object*)> on_node;  // null: the Node is gone
    };

    Status admit(const std::string& node);
    void before_commit(store::Transaction& transaction);
    void plant(store::Put& put) const;
    void show(const store::Transaction& transaction);
    void after_commit(const store::Transaction& transaction);
    Result<store::Revision> claim_lead();
    void take_lead();
    void schedule(Duration delay);
    void round();
    void pump();
    void note_orders(const api::Object& node);

    Context& context_;
    DiceEntropy entropy_;
    OrderChecks checks_;
    RolloutChecks rollout_checks_;
    std::unique_ptr<store::Store> store_;
    std::map<std::string, control::EnrolmentRecord> enrolled_;
    std::vector<store::Put> backup_;
    std::map<std::string, std::string> noted_;  // of each Node's orders
    std::uint64_t restored_ = 0;
    std::uint64_t life_ = 0;
    std::uint64_t leads_ = 0;
    std::uint64_t ticket_ = 0;  // of the next round
    Duration due_{};            // when it is
    bool pumping_ = false;

    std::unique_ptr<HookedStore> hooked_;
    std::unique_ptr<resources::Resources> resources_;
    // The leader's: it writes only as long as nobody else leads.
    std::optional<store::Compare> fence_;
    bool deposed_ = false;
    std::unique_ptr<control::FencedStore> fenced_;
    std::unique_ptr<resources::Resources> lead_;
    std::unique_ptr<control::Round> round_;
    std::map<std::string, std::unique_ptr<node::ControlPlane>> planes_;
    std::map<std::string, Stream> streams_;
};

}  // namespace hf::sim
