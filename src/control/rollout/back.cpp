// The way back: every node that this roll-out gave the new version is ordered to the previous one.
// No window, rate or budget holds that up: what runs there is known to be bad, and going back is
// one swap. The outbox bounds how many are under way to the record at a time.

#include "control/rollout/round.h"

namespace hf::control::rollout {
namespace {

struct Way {
    std::int64_t returning = 0;
    std::int64_t back = 0;
    std::int64_t unreachable = 0;
    std::vector<std::string> stuck;
};

// Of a node whose record says to go back.
void judge(Round& round, const NodeState& node, Way& way) {
    const bool answered = node.answered == node.token->revision;
    if (answered && (node.outcome == Outcome::kGood || node.outcome == Outcome::kRolledBack)) {
        ++way.back;
    } else if (answered && node.outcome == Outcome::kFailed) {
        way.stuck.push_back(node.name);
    } else if (round.is_silent(node)) {
        ++way.unreachable;
    } else if (round.elapsed(node.ordered_at) < round.spec().timeout + round.spec().patience) {
        round.wake_at(node.ordered_at + round.spec().timeout + round.spec().patience);
        ++way.returning;
    } else if (node.runs == round.spec().from) {
        ++way.back;
    } else {
        way.stuck.push_back(node.name);
    }
}

// Puts out what must go back, and counts how far all are.
Way send_back(Round& round) {
    Way way;
    for (const NodeState& node : round.observed.nodes) {
        const Outgoing* order = round.outgoing(node.name);
        const bool ours = round.is_ours(node);
        const bool holds = ours && node.wants == round.spec().digest;
        if (order && order->why == Why::kAbort) {
            ++way.returning;
        } else if (order || holds) {
            Outgoing back{node.name,
                          Why::kAbort,
                          order ? order->stage : node.token->stage,
                          order ? order->ordinal : node.token->ordinal,
                          order ? order->attempt : node.token->attempt,
                          round.revision};
            round.put_out(std::move(back));  // else in a later step
            ++way.returning;
        } else if (ours && node.wants == round.spec().from) {
            judge(round, node, way);
        }
    }
    return way;
}

std::string words(const Round& round, const Way& way) {
    const std::int64_t all =
        way.returning + way.back + way.unreachable + static_cast<std::int64_t>(way.stuck.size());
    if (all == 0) return "no node had the new version";
    std::string text = fmt::format("{} of {} nodes back on {}", way.back, all,
                                   round.spec().from.empty() ? "nothing" : round.spec().from);
    if (way.unreachable > 0) {
        text += fmt::format("; {} unreachable, to go back when they can", way.unreachable);
    }
    if (!way.stuck.empty()) text += fmt::format("; cannot go back: {}", name_some(way.stuck));
    return text;
}

}  // namespace

void begin_back(Round& round, std::string reason) {
    round.state.phase = Phase::kAborting;
    round.state.abort_reason = std::move(reason);
    go_back(round);
}

void go_back(Round& round) {
    const Way way = send_back(round);
    State& state = round.state;
    state.waiting = words(round, way);
    state.counts.returning = way.returning;
    state.counts.back = way.back;
    if (state.phase != Phase::kAborting || way.returning > 0) return;
    state.phase = way.stuck.empty() ? Phase::kRolledBack : Phase::kFailed;
}

}  // namespace hf::control::rollout
