// The way forward: who failed, whether that or anything else turns the roll-out back, and else how
// far its stages come.

#include <algorithm>

#include "control/rollout/stage.h"

namespace hf::control::rollout {
namespace {

// How long at most a node waits for a window that is long enough; one opens at least once a week.
constexpr Duration kWindowWait = std::chrono::hours(8 * 24);

std::string_view stage_name(const Round& round, std::int64_t stage) {
    const std::vector<Stage>& stages = round.spec().stages;
    const auto at = static_cast<std::size_t>(std::max<std::int64_t>(stage, 0));
    return at < stages.size() ? std::string_view(stages[at].name) : std::string_view("?");
}

// Takes the order of a node back. When the outbox is full, a later step does it.
void revoke(Round& round, const View& view, Why why) {
    Outgoing order{view.node->name,
                   why,
                   std::max<std::int64_t>(view.stage, 0),
                   view.ordinal,
                   std::max<std::int64_t>(view.attempt, 1),
                   round.revision};
    round.put_out(std::move(order));
}

// A failed node shall want the previous version: what it is down with may be the new one, and its
// record then tells of the failure even if the State were lost.
void call_back(Round& round, View& view) {
    const Outgoing* order = round.outgoing(view.node->name);
    const bool holds = round.is_ours(*view.node) && view.node->wants == round.spec().digest;
    if (order ? order->back() : !holds) return;
    revoke(round, view, Why::kFailed);
    view.busy |= round.outgoing(view.node->name) != nullptr;
}

void note_failure(Round& round, View& view, std::string reason) {
    if (reason.size() > kReasonBytesMax) {
        std::size_t end = kReasonBytesMax;
        while (end > 0 && (static_cast<unsigned char>(reason[end]) >> 6) == 2) --end;
        reason.resize(end);
    }
    view.listed = true;
    view.standing = Standing::kFailed;
    std::vector<Failure>& failures = round.state.failures;
    Failure failure{view.node->name, std::max<std::int64_t>(view.stage, 0), reason};
    const auto at =
        std::lower_bound(failures.begin(), failures.end(), failure,
                         [](const Failure& a, const Failure& b) { return a.node < b.node; });
    if (failures.size() < static_cast<std::size_t>(kFailuresMax)) {
        failures.insert(at, std::move(failure));
    }
    round.warn("NodeFailed", fmt::format("{}, stage '{}': {}", view.node->name,
                                         stage_name(round, view.stage), reason));
}

std::string reason_of(const View& view) {
    if (view.node->token && view.node->token->why == Why::kFailed) {
        return "it failed before";
    }
    std::string reason = view.node->outcome == Outcome::kRolledBack ? "went back by itself" : "";
    if (!view.node->reason.empty()) {
        reason += (reason.empty() ? "" : ": ") + view.node->reason;
    }
    return reason.empty() ? "it gave no reason" : reason;
}

std::string time_out_words(const View& view) {
    std::string words = fmt::format("no outcome of {} orders", view.attempt);
    const Outcome outcome = view.node->outcome;
    const bool told = (outcome == Outcome::kPassing || outcome == Outcome::kWaiting) &&
                      !view.node->reason.empty();
    return told ? words + ": " + view.node->reason : words;
}

// Whether an order without an outcome has had its time: since it was on record or the node ceased
// to be good, and since the window that is open opened, for the node waits for one; but not for
// ever, if windows are shorter than the time. One whose node says that it waits has no other time:
// its clock may not be the server's. One whose node cannot be asked gets the patience on top, so
// that a node that comes and goes does not hold it open.
bool timed_out(Round& round, const View& view) {
    const api::Windows& windows = round.spec().windows;
    const TimeZones& zones = round.observed.time_zones;
    const Duration given =
        round.spec().timeout + (view.reachable() ? Duration{} : round.spec().patience);
    const Instant since =
        std::max(view.ordered_at, view.node->good_until.value_or(view.ordered_at));
    const Duration had = round.elapsed(since);
    const bool may_wait = view.waits || !windows.empty();
    if (had >= given + (may_wait ? kWindowWait : Duration{})) return true;
    if (view.waits) {
        round.wake_at(since + given + kWindowWait);
        return false;
    }
    const std::optional<Instant> open = open_since(windows, zones, round.now);
    if (!open) {
        if (const auto opens = next_opening(windows, zones, round.now)) round.wake_at(*opens);
        return false;
    }
    if (had >= given && round.elapsed(*open) >= given) return true;
    round.wake_at(std::max(since, *open) + given);
    return false;
}

void judge_node(Round& round, View& view) {
    const bool last = view.attempt >= round.spec().attempts_max;
    switch (view.standing) {
        case Standing::kFailed: note_failure(round, view, reason_of(view)); break;
        case Standing::kInFlight:
            if (view.silent) {
                revoke(round, view, Why::kSilent);
                if (round.outgoing(view.node->name)) view.standing = Standing::kRevoked;
            } else if (!view.pending && timed_out(round, view)) {
                view.timed_out = true;
                if (last) note_failure(round, view, time_out_words(view));
            }
            break;
        case Standing::kRevoked:
            if (!view.reachable() || !last) break;
            note_failure(round, view,
                         fmt::format("lost contact after each of {} orders", view.attempt));
            break;
        default: break;
    }
}

std::string gate_reason(const Round& round) {
    const Gates& gates = round.spec().gates;
    const auto found = round.observed.metrics.find(round.spec().digest);
    if (found == round.observed.metrics.end()) return {};
    const auto bounded = [](std::int64_t value) {
        return std::clamp<std::int64_t>(value, 0, kMetricMax);
    };
    const std::int64_t requests = bounded(found->second.requests);
    const std::int64_t errors = bounded(found->second.errors);
    const std::int64_t compared = bounded(found->second.compared);
    const std::int64_t agreed = bounded(found->second.agreed);
    if (requests >= gates.minimum_requests) {
        if (gates.error_rate_percent_max &&
            errors * 100 > *gates.error_rate_percent_max * requests) {
            return fmt::format("{} of {} requests failed, more than {} %", errors, requests,
                               *gates.error_rate_percent_max);
        }
        if (gates.latency_p99_ms_max && found->second.latency_p99_ms > *gates.latency_p99_ms_max) {
            return fmt::format("the 99th percentile of latency is {} ms, more than {} ms",
                               found->second.latency_p99_ms, *gates.latency_p99_ms_max);
        }
    }
    if (gates.agreement && compared >= gates.agreement->samples_min &&
        agreed * 100 < gates.agreement->percent_min * compared) {
        return fmt::format("{} of {} answers agree with the previous version's, less than {} %",
                           agreed, compared, gates.agreement->percent_min);
    }
    return {};
}

// Why the whole goes back; empty: it does not.
std::string abort_reason(const Round& round) {
    if (round.spec().aborted) return "it was asked for";
    for (const View& view : round.views) {
        if (round.is_ours(*view.node) && view.node->token->why == Why::kAbort) {
            return fmt::format("it was aborted before, as the record of {} tells", view.node->name);
        }
    }
    const AbortRules& rules = round.spec().abort;
    const auto failed = static_cast<std::int64_t>(round.state.failures.size());
    if (rules.failures && failed >= *rules.failures) {
        return fmt::format("{} failed; the limit is {}", failed, *rules.failures);
    }
    if (failed >= kFailuresMax) return fmt::format("{} failed; no more are remembered", failed);
    std::int64_t ended = failed;
    for (const View& view : round.views) ended += view.standing == Standing::kGood;
    if (rules.failure_percent && ended >= rules.minimum_sample && failed > 0 &&
        failed * 100 >= *rules.failure_percent * ended) {
        return fmt::format("{} of {} failed; the limit is {} %", failed, ended,
                           *rules.failure_percent);
    }
    return gate_reason(round);
}

}  // namespace

void go_forward(Round& round) {
    for (View& view : round.views) {
        if (!view.listed) judge_node(round, view);
        if (view.listed) call_back(round, view);
    }
    if (std::string reason = abort_reason(round); !reason.empty()) {
        begin_back(round, std::move(reason));
        return;
    }
    while (advance_stage(round)) {
    }
}

}  // namespace hf::control::rollout
