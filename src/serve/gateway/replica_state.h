// What the gateway has learnt of one replica of one service: how fast it answers, how much it has
// to do, and whether it may be asked.
//
// Latency is a peak EWMA (Finagle's "peak-EWMA"): a slower answer counts at once, faster ones by
// and by; without any news it decays with time, so that a replica that was slow is tried again.
// A replica that cannot be reached is ejected for a time that doubles from one failure to the next.
// When the time is up it is due for one probe; what becomes of the probe decides.
//
// A value; pure; time is handed in and never goes back.

#pragma once

#include <cstddef>

#include "base/time.h"

namespace hf::serve::gateway {

inline constexpr Duration kLatencyDecay = std::chrono::seconds(10);
inline constexpr Duration kLatencyFloor = std::chrono::microseconds(100);  // of a load's latency

// After so long without an answer its latency is unknown again. Decayed further it would look fast,
// and everything would run there.
inline constexpr Duration kLatencyStale = std::chrono::seconds(20);

// How much each request under way weighs on a replica of unknown latency: until its next answer it
// gets one at a time, unless all are as new.
inline constexpr Duration kUnmeasuredLatency = std::chrono::seconds(1);

// Answers 5xx, one after the other, until a replica is ejected.
inline constexpr int kFailuresMax = 5;

// So many requests one after the other, over so long, without an answer before another replica's
// or before their time was up, and it is ejected: a machine that takes connections and says
// nothing would else be hedged for ever. The time tells silence from a queue.
inline constexpr int kUnansweredMax = 5;
inline constexpr Duration kUnansweredFor = std::chrono::seconds(1);

inline constexpr Duration kEjectionFirst = std::chrono::milliseconds(500);
inline constexpr Duration kEjectionMax = std::chrono::seconds(30);

// A replica that served so long since its last ejection is ejected for kEjectionFirst again.
inline constexpr Duration kForgivenAfter = std::chrono::seconds(30);

// For how long a replica that said 429 or 503 is asked only when no other can be.
inline constexpr Duration kPressureDefault = std::chrono::seconds(1);
inline constexpr Duration kPressureMax = std::chrono::seconds(10);

// For how long a replica that said that it knows no tasks is not asked for any, where another can
// be.
inline constexpr Duration kNoTasksFor = std::chrono::seconds(30);

enum class Ending {
    kAnswered,     // with anything but the following
    kPressed,      // alive, and asks for less: 429, 503
    kFailed,       // alive, and broken: 5xx
    kUnreachable,  // refused, reset, not connected or silent for longer than any answer may take
    kSilent,       // had not answered when the request's own time was up
    kBeaten,       // had not answered when another did
    kNotSent,      // for a reason that is not the replica's
};

struct Outcome {
    Ending ending = Ending::kAnswered;
    Duration retry_after = kPressureDefault;  // when pressed
    bool no_tasks = false;  // when pressed: not so, but what was asked of it is none of its trades
    bool machine = true;    // when unreachable: the machine is, and so for every other service
    bool timed = true;      // false: how long it took says nothing of how long inferences take
};

// One request sent to a replica.
struct Ticket {
    Instant started{};
    bool probe = false;  // the one request of a replica whose ejection is over
    bool panic = false;  // sent to an ejected replica because there was no other
};

enum class Health { kServing, kEjected, kDue, kProbed };

class ReplicaState final {
public:
    Health health(Instant now) const;
    bool pressed(Instant now) const { return now < pressed_until_; }
    bool knows_no_tasks(Instant now) const { return now < no_tasks_until_; }
    Instant ejected_at() const { return ejected_at_; }
    std::size_t in_flight() const { return in_flight_; }
    bool ever_measured() const { return measured_; }

    Duration latency(Instant now) const;  // decayed; kUnmeasuredLatency when unknown
    Duration latency_seen() const;        // the same, as it was at the last answer

    // Seconds that one more request may expect: latency by requests under way.
    double load(Instant now) const;

    void begin(const Ticket& ticket);

    // True when the replica has been ejected by it. When others cannot spare it, only what is
    // certain ejects: a connection that was not made or broke. REQUIRES: begin() with this ticket
    // before, and no end() with it yet.
    bool end(const Ticket& ticket, const Outcome& outcome, Instant now, bool spare);

    // The same machine could not be reached for another service.
    void eject(Instant now);

private:
    bool measured(Instant now) const { return measured_ && now - measured_at_ < kLatencyStale; }
    void observe(Duration latency, Instant now);
    void observe_peak(Duration at_least, Instant now);
    bool unanswered_for_long(const Ticket& ticket, Instant now);
    void revive(const Ticket& ticket, Instant now);
    bool eject_by(const Ticket& ticket, Instant now);
    void start_ejection(Instant now);

    std::size_t in_flight_ = 0;
    bool measured_ = false;
    double latency_s_ = 0.0;  // at measured_at_
    Instant measured_at_{};
    int failures_ = 0;    // one after the other
    int unanswered_ = 0;  // since the last answer
    Instant unanswered_since_{};
    Instant pressed_until_{};
    Instant no_tasks_until_{};

    bool ejected_ = false;  // until a probe, or a request sent in panic, is answered
    bool probe_under_way_ = false;
    int ejections_ = 0;  // in a row, for the time that doubles
    Instant ejected_at_{};
    Instant ejected_until_{};
    Instant serving_since_{};
};

}  // namespace hf::serve::gateway
