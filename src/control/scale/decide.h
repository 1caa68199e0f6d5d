// How many replicas a service shall have, from what it is asked. One decision a round; the shell is
// apply/scaler.h.
//
// The algorithm is that of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2: metrics of type
// AverageValue, `behavior`, missing metrics), with the requests that are there as the measure, as
// in Knative's autoscaler (KPA):
//
//   1. Wanted is the concurrency of all replicas, divided by the target, rounded up; what is within
//      a tenth of the target changes nothing (kTolerancePercent).
//   2. A queue that is longer than its target asks for more in proportion, at most for twice as
//      many, and once in kUpPeriod: how many would do, a queue does not say. One between half of
//      the target and the target asks for as many as there are; a shorter one has no say, since an
//      empty queue does not tell 1 % of use from 90 %.
//   3. The larger of both counts, within min and max.
//   4. Up at once, but within kUpPeriod to at most twice as many, or kUpReplicas more where that is
//      more.
//   5. Down only to the most that was asked for within down_after (HPA's stabilisation window).
//
// What is not known asks for nothing more and for nothing less: with a silent machine (signals.h)
// the number does not go down. Stricter than HPA, which takes a missing metric for the target.
// While a roll-out moves the service, and, upwards, while a replica lacks a machine, the number
// stays.
//
// History is a value that the Service's status holds (status.scale), so that a server that takes
// the lead goes on where the last one was. It changes only when what is asked for does: a steady
// load writes nothing.
//
// Pure.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/conditions.h"
#include "control/scale/signals.h"
#include "control/scale/spec.h"

namespace hf::control::scale {

inline constexpr std::int64_t kTolerancePercent = 10;
inline constexpr Duration kUpPeriod = std::chrono::seconds(15);
inline constexpr std::int64_t kUpReplicas = 4;
// Steps down of what was asked for that are told apart; beyond, two become one, the higher and the
// later of both.
inline constexpr std::size_t kHigherMax = 8;

struct History {
    std::int64_t wanted = 0;     // replicas; 0: nothing was decided yet
    std::int64_t asked_for = 0;  // by the load, within min and max; 0: unknown
    struct Higher {
        std::int64_t replicas = 0;
        Instant until;  // they were asked for
        friend bool operator==(const Higher&, const Higher&) = default;
    };
    std::vector<Higher> higher;        // than now, the most first, each later than the one before
    std::int64_t raised_from = 0;      // what the present kUpPeriod began with
    std::optional<Instant> raised_at;  // when it began
    friend bool operator==(const History&, const History&) = default;
};

struct Situation {
    Signals signals;
    bool rolling = false;  // a roll-out moves the service
};

struct Decision {
    History history;         // with what is wanted from now on
    api::Condition scaled;   // whether the number follows the load, and what it follows
    api::Condition limited;  // whether it would be another but for a limit
};

Decision decide(const ScaleSpec& spec, const Situation& situation, const History& before,
                Instant now);

// status.scale and status.wantedReplicas of a Service; what cannot be read is as if nothing had
// been decided, but for the number.
History history_of(const api::Object& service);

// Puts the decision there. A condition of the same status and reason keeps its message while the
// number stays: numbers in messages are those of the moment of the decision.
void write_decision(api::Object& service, const Decision& decision, Instant now);

}  // namespace hf::control::scale
