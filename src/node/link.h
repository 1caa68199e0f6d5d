// Link: the node's side of its control plane (control_plane.h): news of what to run come in, and
// what there is to say goes out, each on a thread of its own, so that a network that hangs holds up
// nothing else. What fails is tried again, after a pause that grows and is never the same for all.
//
// A status is a state: only the latest is sent. Events are a queue of at most kMaxEvents; when it
// is full the oldest goes, and the next one that is sent says how many were dropped.
//
// Threads: "hf-node-watch" and "hf-node-link". All methods from any thread.

#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "base/mutex.h"
#include "base/rng.h"
#include "env/clock.h"
#include "node/control_plane.h"

namespace hf::node {

inline constexpr std::size_t kMaxEvents = 1000;
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

    // REQUIRES: control_plane outlives this.
    Link(ControlPlane& control_plane, Options options);
    ~Link();  // gives the last status one try

    void publish(json::Object status);
    void tell(ServiceEvent event);

    // The control plane answered the last time it was asked.
    bool connected() const;

private:
    // One thing on its way: a status, an event, or else a heartbeat.
    struct Outgoing {
        std::optional<json::Object> status;
        std::optional<ServiceEvent> event;
        std::size_t dropped = 0;  // events before it, which it tells of
    };

    void run_watch();
    void run_link();
    bool waits() const HF_REQUIRES(mutex_) { return status_ || !events_.empty(); }
    Outgoing take() HF_REQUIRES(mutex_);
    Status send(const Outgoing& outgoing);
    void settle(Outgoing outgoing, const Status& sent) HF_REQUIRES(mutex_);
    void note(Status trouble);

    ControlPlane& control_plane_;
    const Options options_;

    mutable Mutex mutex_;
    ConditionVariable changed_;
    bool stopping_ HF_GUARDED_BY(mutex_) = false;
    bool enlisted_ HF_GUARDED_BY(mutex_) = false;
    bool reached_ HF_GUARDED_BY(mutex_) = false;  // just now: what failed before may go now
    std::optional<json::Object> status_ HF_GUARDED_BY(mutex_);  // not sent yet
    std::deque<ServiceEvent> events_ HF_GUARDED_BY(mutex_);
    std::size_t dropped_ HF_GUARDED_BY(mutex_) = 0;
    Status last_trouble_ HF_GUARDED_BY(mutex_);

    std::thread watch_;
    std::thread link_;
};

}  // namespace hf::node
