// Round: one round of the reconciler, without a thread: mirrors what there is, asks the pure
// functions of reconcile/, rollout/ and scale/ what should be, writes what differs, and keeps the
// store in order. reconciler.h runs it on a thread; the simulator in sim/ runs it in virtual time.
//
// A crash between any two of its writes leaves what the next round, of this server or another,
// completes. Errors are those of the first write that failed; the next round tries again.
//
// Owned by one thread. Times are the store's clock's, but for those of heartbeats, handed in.

#pragma once

#include <functional>
#include <set>
#include <string>

#include "control/apply/presence.h"
#include "control/apply/removals.h"
#include "control/apply/rollouts.h"
#include "control/apply/scaler.h"
#include "control/apply/versions.h"
#include "control/reconcile/liveness.h"
#include "control/reconcile/orders.h"
#include "resources/mirror.h"

namespace hf::control {

// How long at most between two rounds: leases end and failed writes are tried again.
inline constexpr Duration kRoundEvery = std::chrono::seconds(2);

inline constexpr Duration kHeartbeatEvery = std::chrono::milliseconds(500);
inline constexpr std::int64_t kHeartbeatsASecond = 500;
inline constexpr Duration kMaintainEvery = std::chrono::seconds(2);

struct RoundOptions {
    Resolve resolve;       // null: machines look models up themselves
    TimeZoneOf time_zone;  // null: roll-outs know none
    Duration node_term = kNodeTerm;
    std::string server;  // this server's name where others share the store; empty: alone
    std::function<void()> on_events;  // from any thread: a round has something to do; may be null
};

class Round final {
public:
    // REQUIRES: resources outlives it.
    Round(resources::Resources& resources, RoundOptions options);

    // A heartbeat of that node came at `at`, of the monotonic clock.
    void heard(const std::string& node, Duration at) { liveness_.heard(node, at); }
    void parted(const std::string& node, Duration at) { liveness_.parted(node, at); }

    // How often nodes shall be heard: that all together come kHeartbeatsASecond times at most.
    Duration heartbeat_every() const { return every_; }

    // `now`, of the monotonic clock: no heartbeat before it is still to be told.
    Status reconcile(Duration now);

    // Leases that ended, garbage, old history; at most once in kMaintainEvery, since it looks at
    // all that is stored.
    Status maintain(Duration now);

    // Machines that are not ready: their next heartbeat is news.
    const std::set<std::string>& lost() const { return lost_; }

    // When to reconcile again if nothing happens.
    Duration next(Duration now) const;

private:
    Status read();
    Result<bool> judge_liveness(Duration now);
    using Edit = resources::Resources::Edit;
    Status write_liveness(const std::vector<Liveness::Change>& changes);
    Status modify_all(const std::vector<Edit>& edits);
    Status write_orders(const Orders& orders);
    Status write_statuses(const place::Plan& plan);

    resources::Resources& resources_;
    const Resolve resolve_;
    const resources::WriteOptions write_;
    resources::Mirror sites_;
    resources::Mirror nodes_;
    resources::Mirror services_;
    resources::Mirror policies_;
    resources::Mirror changes_;  // Rollouts
    const bool shared_;          // other servers hear nodes too
    HeardElsewhere elsewhere_;
    Removals removals_;
    VersionRecorder versions_;
    Rollouts rollouts_;
    Scaler scaler_;
    const Duration node_term_;
    Duration every_{};
    Liveness liveness_;
    Duration maintained_{-kMaintainEvery};
    std::set<std::string> lost_;
};

}  // namespace hf::control
