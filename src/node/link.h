// Link: the node's side of its control plane (control_plane.h): news of what to run come in, and
// what there is to say goes out, each on a thread of its own, so that a network that hangs holds up
// nothing else. What fails is tried again, after a pause that grows and is never the same for all.
//
// A status is a state: only the latest is sent. Events wait in an outbox on the disk (outbox.h),
// also over a restart; warnings go first and are kept for longer.
//
// Threads: "hf-node-watch" and "hf-node-link". All methods from any thread.

#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/rng.h"
#include "env/clock.h"
#include "node/control_plane.h"
#include "node/outbox.h"

namespace hf::node {

inline constexpr Duration kEventKept = std::chrono::hours(24);
inline constexpr Duration kWarningKept = std::chrono::hours(24 * 14);
inline constexpr Duration kLinkRetryFirst = std::chrono::milliseconds(500);
inline constexpr Duration kLinkRetryMost = std::chrono::seconds(30);

// The pause after the `failures`-th failure in a row: from half of a doubling time to all of it.
Duration link_pause(int failures, Rng& rng);

class Link final {
public:
    struct Options {
        Duration heartbeat = std::chrono::milliseconds(500);
        std::uint64_t seed = 1;                           // of the pauses
        std::function<void(const api::Object&)> on_node;  // from "hf-node-watch"
        std::function<void(const Status&)> on_trouble;    // from both, once a new reason
    };

    // REQUIRES: all three outlive this; the outbox is this one's from now on.
    struct World {
        ControlPlane& control_plane;
        Outbox& outbox;
        env::Clock& clock;
    };
    Link(World world, Options options);
    ~Link();  // gives the last status one try

    void publish(json::Object status);
    void tell(ServiceEvent event);

    struct Account {
        std::size_t waiting = 0;
        OutboxAccount outbox;
    };
    Account account() const;

private:
    // One thing on its way: a status, an event, or else a heartbeat.
    struct Outgoing {
        std::optional<json::Object> status;
        std::optional<ServiceEvent> event;
        std::uint64_t sequence = 0;  // of the event
    };

    void run_watch();
    void run_link();
    bool waits() const HF_REQUIRES(mutex_) { return status_ || outbox_.size() > 0; }
    Outgoing take() HF_REQUIRES(mutex_);
    Status send(const Outgoing& outgoing);
    void settle(Outgoing outgoing, const Status& sent) HF_REQUIRES(mutex_);
    void note(Status trouble);

    ControlPlane& control_plane_;
    env::Clock& clock_;
    const Options options_;

    mutable Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool enlisted_ HF_GUARDED_BY(mutex_) = false;
    bool reached_ HF_GUARDED_BY(mutex_) = false;  // just now: what failed before may go now
    std::optional<json::Object> status_ HF_GUARDED_BY(mutex_);  // not sent yet
    Outbox& outbox_ HF_GUARDED_BY(mutex_);
    Status last_trouble_ HF_GUARDED_BY(mutex_);

    std::thread watch_;
    std::thread link_;
};

}  // namespace hf::node
