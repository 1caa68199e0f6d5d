#include "control/rollout/step.h"

#include <algorithm>

#include "control/rollout/round.h"

namespace hf::control::rollout {
namespace {

bool has_begun(const State& state) {
    return !state.progress.empty() && state.progress.front().began;
}

// A model is resolved once: a tag that moves does not change a roll-out.
void fill_digest(RolloutSpec& asked, const RolloutSpec& followed) {
    if (asked.digest.empty()) asked.digest = followed.digest;
}

// Before the first stage begins any good spec is taken.
bool take_spec(Round& round) {
    RolloutSpec asked = round.observed.spec;
    std::optional<RolloutSpec>& followed = round.state.in_force;
    round.state.phase = Phase::kPending;
    if (const Status good = check(asked); !good.ok()) {
        round.state.waiting = fmt::format("it cannot begin: {}", good.message());
        return false;
    }
    if (std::string unknown = unknown_zone_words(asked, round.observed.time_zones);
        !unknown.empty()) {
        round.state.waiting = "it cannot begin: " + unknown;
        return false;
    }
    if (followed && followed->model == asked.model) fill_digest(asked, *followed);
    if (asked.digest.empty()) {
        round.state.waiting = fmt::format("model '{}' is not resolved to a version", asked.model);
        return false;
    }
    followed = asked;
    round.state.compared = round.state.agreed = 0;
    round.state.progress.assign(asked.stages.size(), {});
    return true;
}

// Afterwards only what is no looser; a word to pause, abort, approve or promote counts always.
void follow_spec(Round& round) {
    RolloutSpec asked = round.observed.spec;
    RolloutSpec& followed = *round.state.in_force;
    fill_digest(asked, followed);
    Status good = check(asked);
    if (good.ok()) good = check_change(followed, asked);
    if (good.ok()) {
        round.state.refused_change.clear();
        followed = std::move(asked);
        return;
    }
    followed.paused = asked.paused;
    followed.aborted = asked.aborted;
    std::vector<Word> approvals = std::move(asked.approvals);
    std::vector<Word> promotions = std::move(asked.promotions);
    RolloutSpec with_words = followed;
    with_words.approvals = std::move(approvals);
    with_words.promotions = std::move(promotions);
    if (check(with_words).ok()) followed = std::move(with_words);
    if (round.state.refused_change == good.message()) return;
    round.state.refused_change = good.message();
    round.warn("ChangeRefused", round.state.refused_change);
}

// Whether there is a spec to go by.
bool adopt_spec(Round& round) {
    State& state = round.state;
    if (state.over()) return state.in_force.has_value();
    if (!has_begun(state)) return take_spec(round);
    follow_spec(round);
    return true;
}

// One that cannot begin has touched nobody: asked to go back, it has ended.
void end_unbegun(Round& round) {
    if (round.state.over() || !round.observed.spec.aborted) return;
    round.state.phase = Phase::kRolledBack;
    round.state.abort_reason = "it was asked for";
    round.state.waiting = "no node had the new version";
}

void count(Round& round) {
    Counts counts;
    for (const View& view : round.views) {
        switch (view.standing) {
            case Standing::kOther: ++counts.other; break;
            case Standing::kPresent: ++counts.present; break;
            case Standing::kRevoked:
                if (round.state.turned_back()) break;  // returning, or back
                [[fallthrough]];
            case Standing::kCandidate:
                ++(view.silent ? counts.unreachable : counts.untouched);
                break;
            case Standing::kInFlight: ++counts.under_way; break;
            case Standing::kGood: ++(view.silent ? counts.unreachable : counts.good); break;
            case Standing::kFailed: ++counts.failed; break;
        }
    }
    counts.returning = round.state.counts.returning;
    counts.back = round.state.counts.back;
    round.state.counts = counts;
}

void note_agreement(Round& round) {
    if (!round.spec().gates.agreement || round.state.over()) return;
    const auto found = round.observed.metrics.find(round.spec().digest);
    const Metrics metrics = found == round.observed.metrics.end() ? Metrics{} : found->second;
    // What was seen stays seen, whoever begins anew or is lost: in the last stage nobody is left to
    // compare with.
    if (metrics.compared < round.state.compared) return;
    round.state.compared = std::clamp<std::int64_t>(metrics.compared, 0, kMetricMax);
    round.state.agreed = std::clamp<std::int64_t>(metrics.agreed, 0, round.state.compared);
}

std::int64_t last_revision(const State& state, const Observed& observed) {
    std::int64_t last = state.revision;
    for (const NodeState& node : observed.nodes) {
        if (node.token && node.token->rollout == observed.rollout) {
            last = std::max(last, node.token->revision);
        }
    }
    return last;
}

Action action_of(const Round& round, const Outgoing& order) {
    Action action;
    action.kind = order.back() ? Action::Kind::kReturn : Action::Kind::kOrder;
    action.node = order.node;
    action.digest = order.back() ? round.spec().from : round.spec().digest;
    action.token = {round.observed.rollout, order.stage,    order.ordinal,
                    order.attempt,          order.revision, order.why};
    return action;
}

std::vector<Action> actions_of(Round& round) {
    std::vector<Action> actions;
    for (const bool back : {true, false}) {
        for (const Outgoing& order : round.state.outbox) {
            if (order.back() == back) actions.push_back(action_of(round, order));
        }
    }
    for (Action& event : round.events) actions.push_back(std::move(event));
    return actions;
}

void tell_phase(Round& round, Phase before) {
    const State& state = round.state;
    if (state.phase == before) return;
    const bool bad = state.phase == Phase::kAborting || state.phase == Phase::kFailed ||
                     state.phase == Phase::kRolledBack;
    std::string message = state.waiting;
    if (bad) message = fmt::format("{}: {}", state.abort_reason, state.waiting);
    const std::string_view name = phase_name(state.phase);
    bad ? round.warn(name, std::move(message)) : round.tell(name, std::move(message));
}

}  // namespace

Result<Decision> step(State& state, const Observed& observed, Instant now) {
    HF_TRY(check(observed));
    const std::int64_t last = last_revision(state, observed);
    if (last >= kRevisionMax) return resource_exhausted("the roll-out has no revisions left");
    State next = state;
    Round round{next, observed, std::chrono::floor<std::chrono::microseconds>(now), last + 1, {},
                {},   {}};
    if (adopt_spec(round)) {
        settle_outbox(round);
        survey(round);
        note_agreement(round);
        if (!next.over())
            go_forward(round);
        else if (next.turned_back())
            go_back(round);
        if (next.over()) survey(round);
        count(round);
    } else {
        end_unbegun(round);
    }
    tell_phase(round, state.phase);
    Decision decision;
    decision.changed = next != state;
    if (decision.changed) next.revision = round.revision;
    decision.actions = actions_of(round);
    decision.wake = round.wake;
    state = std::move(next);
    return decision;
}

std::string explain(const State& state) {
    std::string text(phase_name(state.phase));
    if (const Stage* stage = state.current(); stage && !state.over()) {
        text += fmt::format(", stage '{}' ({} of {})", stage->name, state.stage + 1,
                            state.in_force->stages.size());
    }
    if (state.over() && !state.abort_reason.empty()) text += ": " + state.abort_reason;
    if (!state.waiting.empty()) text += ": " + state.waiting;
    if (!state.refused_change.empty()) {
        text += "; the spec is not followed as it is now: " + state.refused_change;
    }
    return text;
}

}  // namespace hf::control::rollout
