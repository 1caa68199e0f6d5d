#include "serve/gateway/replica_state.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace hf::serve::gateway {
namespace {

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

Duration from_seconds(double seconds) {
    return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(seconds));
}

double decay_over(Duration passed) {
    return std::exp(-seconds(std::max(passed, Duration::zero())) / seconds(kLatencyDecay));
}

Duration ejection_time(int ejections) {
    Duration time = kEjectionFirst;
    for (int i = 1; i < ejections && time < kEjectionMax; ++i) time *= 2;
    return std::min(time, kEjectionMax);
}

}  // namespace

Health ReplicaState::health(Instant now) const {
    if (!ejected_) return Health::kServing;
    if (probe_under_way_) return Health::kProbed;
    return now < ejected_until_ ? Health::kEjected : Health::kDue;
}

Duration ReplicaState::latency_seen() const {
    if (!measured_) return kUnmeasuredLatency;
    return std::max(from_seconds(latency_s_), kLatencyFloor);
}

Duration ReplicaState::latency(Instant now) const {
    if (!measured(now)) return kUnmeasuredLatency;
    return std::max(from_seconds(latency_s_ * decay_over(now - measured_at_)), kLatencyFloor);
}

double ReplicaState::load(Instant now) const {
    const auto under_way = static_cast<double>(in_flight_);
    if (!measured(now)) return seconds(kUnmeasuredLatency) * under_way;
    return seconds(latency(now)) * (under_way + 1.0);
}

void ReplicaState::begin(const Ticket& ticket) {
    ++in_flight_;
    probe_under_way_ = probe_under_way_ || ticket.probe;
}

void ReplicaState::observe(Duration latency, Instant now) {
    const double sample = seconds(std::max(latency, Duration::zero()));
    const double kept = measured(now) ? decay_over(now - measured_at_) : 0.0;
    const bool peak = sample >= latency_s_;
    latency_s_ = peak ? sample : latency_s_ * kept + sample * (1.0 - kept);
    measured_at_ = now;
    measured_ = true;
}

// An answer that did not come tells only that it would have taken longer.
void ReplicaState::observe_peak(Duration at_least, Instant now) {
    if (measured(now) && at_least < latency(now)) return;
    observe(at_least, now);
}

// Only what was sent after the ejection tells of the time after it.
void ReplicaState::revive(const Ticket& ticket, Instant now) {
    failures_ = 0;
    unanswered_ = 0;
    const bool news = ticket.probe || ticket.panic;
    if (!ejected_ || !news || ticket.started < ejected_at_) return;
    ejected_ = false;
    serving_since_ = now;
}

void ReplicaState::start_ejection(Instant now) {
    ejected_ = true;
    ejected_at_ = now;
    ejected_until_ = now + ejection_time(ejections_);
    failures_ = 0;
    unanswered_ = 0;
}

void ReplicaState::eject(Instant now) {
    if (ejected_) return;
    if (now - serving_since_ >= kForgivenAfter) ejections_ = 0;
    ++ejections_;
    start_ejection(now);
}

bool ReplicaState::eject_by(const Ticket& ticket, Instant now) {
    if (!ejected_) {
        eject(now);
        return true;
    }
    // Requests that were under way when the first of them failed are no news. What is tried in
    // panic moves to the end of the line, but as often as it is tried must not make it longer.
    if (ticket.probe) ++ejections_;
    if (ticket.probe || ticket.panic) start_ejection(now);
    return false;
}

bool ReplicaState::unanswered_for_long(const Ticket& ticket, Instant now) {
    if (unanswered_ == 0) unanswered_since_ = ticket.started;
    ++unanswered_;
    return unanswered_ >= kUnansweredMax && now - unanswered_since_ >= kUnansweredFor;
}

bool ReplicaState::end(const Ticket& ticket, const Outcome& outcome, Instant now, bool spare) {
    HF_CHECK(in_flight_ > 0, "a request ended that had not begun");
    --in_flight_;
    if (ticket.probe) probe_under_way_ = false;
    switch (outcome.ending) {
        case Ending::kAnswered:
            if (outcome.timed) observe(now - ticket.started, now);
            revive(ticket, now);
            return false;
        case Ending::kPressed:
            if (outcome.no_tasks) {
                no_tasks_until_ = now + kNoTasksFor;
            } else {
                pressed_until_ =
                    now + std::clamp(outcome.retry_after, Duration::zero(), kPressureMax);
            }
            revive(ticket, now);
            return false;
        case Ending::kFailed:
            unanswered_ = 0;
            ++failures_;
            return (ticket.probe || (spare && failures_ >= kFailuresMax)) && eject_by(ticket, now);
        case Ending::kUnreachable: return eject_by(ticket, now);
        case Ending::kSilent:
        case Ending::kBeaten: {
            if (outcome.timed) observe_peak(now - ticket.started, now);
            const bool silent = unanswered_for_long(ticket, now);
            return (ticket.probe || (spare && silent)) && eject_by(ticket, now);
        }
        case Ending::kNotSent: return false;
    }
    return false;
}

}  // namespace hf::serve::gateway
