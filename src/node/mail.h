// Mail: what a node has to say to its control plane, what of it goes next, and how long to wait
// before; without a thread or a network. link.h is the shell that sends.
//
// One thing is on its way at a time: a heartbeat when one is due, however much else there is, since
// a node that is not heard is taken for lost; then the latest status, since others act on it; then
// the events that wait in the outbox. What fails is tried again,
// after a pause that grows and is never the same for all; a refusal that would be the same again is
// an end, too.
//
// Owned by one thread, or guarded by its lock. Times are handed in.

#pragma once

#include <optional>
#include <utility>

#include "base/rng.h"
#include "node/control_plane.h"
#include "node/outbox.h"

namespace hf::node {

inline constexpr Duration kEventKept = std::chrono::hours(24);
inline constexpr Duration kWarningKept = std::chrono::hours(24 * 14);
inline constexpr Duration kLinkRetryFirst = std::chrono::milliseconds(500);
inline constexpr Duration kLinkRetryMost = std::chrono::seconds(30);

// The pause after the `failures`-th failure in a row: from half of a doubling time to all of it.
Duration link_pause(int failures, Rng& rng);

struct MailAccount {
    std::size_t waiting = 0;
    OutboxAccount outbox;
};

class Mail final {
public:
    struct Options {
        Duration heartbeat = std::chrono::milliseconds(500);
        std::uint64_t seed = 1;  // of the pauses
    };

    // REQUIRES: the outbox outlives this, and is this one's from now on.
    Mail(Outbox& outbox, Options options)
        : outbox_(outbox), options_(options), rng_(options.seed), patience_(options.heartbeat) {}

    void publish(json::Object status) { status_ = std::move(status); }

    // What Outbox::put() says.
    Status tell(const ServiceEvent& event, Instant now);

    // The control plane knows this node, and was reached just now: what failed may go.
    void reached();
    bool enlisted() const { return enlisted_; }

    // How often heartbeats go; zero: as in the options.
    void pace(Duration every) { every_ = every; }
    Duration pace() const { return every(); }

    // Whether something shall go now. When not: after patience(), whatever there is.
    bool ready() const;
    Duration patience() const { return patience_; }

    // One thing on its way: a status, an event, or else a heartbeat.
    struct Outgoing {
        std::optional<json::Object> status;
        std::optional<ServiceEvent> event;
        std::uint64_t sequence = 0;  // of the event
        Duration at{};
    };
    // `at`: the same moment, of the monotonic clock.
    Outgoing take(Instant now, Duration at);
    void settle(Outgoing outgoing, const Status& sent);

    // A status that was never sent, for the last try at the end.
    std::optional<json::Object> take_status() { return std::exchange(status_, std::nullopt); }

    MailAccount account() const { return {outbox_.size(), outbox_.account()}; }

private:
    Duration every() const { return every_ > Duration::zero() ? every_ : options_.heartbeat; }

    Outbox& outbox_;
    const Options options_;
    Rng rng_;
    std::optional<json::Object> status_;  // not sent yet
    bool enlisted_ = false;
    bool reached_ = false;  // since the last failure
    int failures_ = 0;      // in a row
    Duration every_{};      // between heartbeats, as asked for
    Duration patience_;
    std::optional<Duration> beaten_;  // when the last heartbeat that arrived was sent
};

Status send(ControlPlane& control_plane, const Mail::Outgoing& outgoing);

}  // namespace hf::node
