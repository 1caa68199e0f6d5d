#include <algorithm>

#include "base/text.h"
#include "control/rollout/round.h"

namespace hf::control::rollout {
namespace {

Standing standing_of(const Round& round, const NodeState& node) {
    const RolloutSpec& spec = round.spec();
    const bool ours = round.is_ours(node);
    if (node.wants != spec.digest && node.wants != spec.from) return Standing::kOther;
    if (node.wants == spec.from) {
        if (!ours) return Standing::kCandidate;
        return node.token->why == Why::kFailed ? Standing::kFailed : Standing::kRevoked;
    }
    if (!ours) return Standing::kPresent;
    // What the node said of an earlier order says nothing of this one.
    if (node.answered != node.token->revision) return Standing::kInFlight;
    switch (node.outcome) {
        case Outcome::kNone:
        case Outcome::kWorking:
        case Outcome::kPassing:
        case Outcome::kWaiting: return Standing::kInFlight;
        case Outcome::kGood: return Standing::kGood;
        case Outcome::kFailed:
        case Outcome::kRolledBack: return Standing::kFailed;
    }
    return Standing::kInFlight;
}

View view_of(Round& round, const NodeState& node) {
    View view;
    view.node = &node;
    view.standing = standing_of(round, node);
    if (view.standing == Standing::kOther) return view;
    if (round.is_ours(node)) {
        view.stage = node.token->stage;
        view.ordinal = node.token->ordinal;
        view.attempt = node.token->attempt;
        view.ordered_at = node.ordered_at;
    }
    view.silent = round.is_silent(node);
    view.waits = view.standing == Standing::kInFlight && node.token &&
                 node.answered == node.token->revision && node.outcome == Outcome::kWaiting;
    view.busy = view.standing == Standing::kInFlight || (view.reachable() && !node.available);
    return view;
}

// The order that is on its way to the record counts as if it were there; and whichever way it
// goes, it frees nothing before it is.
void add_outgoing(View& view, const Outgoing& order) {
    view.busy = true;
    // It failed what the record still shows: the next attempt, which is on its way, comes to
    // nothing (judge_node calls it back).
    if (view.standing == Standing::kFailed) return;
    view.stage = order.stage;
    view.ordinal = order.ordinal;
    view.attempt = order.attempt;
    view.pending = true;
    view.standing = order.back() ? Standing::kRevoked : Standing::kInFlight;
}

// What the records tell of limits used up, by a step whose State was lost.
void adopt_ordinals(Round& round) {
    std::vector<Progress>& progress = round.state.progress;
    for (const NodeState& node : round.observed.nodes) {
        if (!round.is_ours(node)) continue;
        const auto stage = static_cast<std::size_t>(node.token->stage);
        if (stage >= progress.size()) continue;
        progress[stage].ordered = std::max(progress[stage].ordered, node.token->ordinal);
    }
}

}  // namespace

bool Round::is_silent(const NodeState& node) {
    if (!node.unreachable_since) return false;
    if (elapsed(*node.unreachable_since) >= spec().patience) return true;
    wake_at(*node.unreachable_since + spec().patience);
    return false;
}

void Round::tell(std::string_view reason, std::string message) {
    Action action;
    action.reason = reason;
    action.message = std::move(message);
    events.push_back(std::move(action));
}

void Round::warn(std::string_view reason, std::string message) {
    tell(reason, std::move(message));
    events.back().warning = true;
}

Outgoing* Round::outgoing(std::string_view node) {
    const auto at =
        std::lower_bound(state.outbox.begin(), state.outbox.end(), node,
                         [](const Outgoing& o, std::string_view n) { return o.node < n; });
    return at != state.outbox.end() && at->node == node ? &*at : nullptr;
}

bool Round::put_out(Outgoing order) {
    if (Outgoing* present = outgoing(order.node)) {
        *present = std::move(order);
        return true;
    }
    if (state.outbox.size() >= kOutboxMax) return false;
    const auto at =
        std::lower_bound(state.outbox.begin(), state.outbox.end(), order,
                         [](const Outgoing& a, const Outgoing& b) { return a.node < b.node; });
    state.outbox.insert(at, std::move(order));
    return true;
}

void settle_outbox(Round& round) {
    const std::vector<NodeState>& nodes = round.observed.nodes;
    auto at = nodes.begin();
    std::erase_if(round.state.outbox, [&](const Outgoing& order) {
        at = std::lower_bound(
            at, nodes.end(), order.node,
            [](const NodeState& n, const std::string& name) { return n.name < name; });
        if (at == nodes.end() || at->name != order.node) return true;  // gone
        const Standing standing = standing_of(round, *at);
        if (standing == Standing::kOther) return true;  // taken over
        // What the record still shows came to a good end: another attempt is not needed, nor is it
        // taken back for a silence that is over.
        const bool spare = order.why == Why::kForward || order.why == Why::kSilent;
        if (standing == Standing::kGood && spare) return true;
        return round.is_ours(*at) && at->token->revision >= order.revision;
    });
}

void survey(Round& round) {
    adopt_ordinals(round);
    const State& state = round.state;
    auto order = state.outbox.begin();
    auto failure = state.failures.begin();
    round.views.clear();
    round.views.reserve(round.observed.nodes.size());
    for (const NodeState& node : round.observed.nodes) {
        View view = view_of(round, node);
        while (order != state.outbox.end() && order->node < node.name) ++order;
        while (failure != state.failures.end() && failure->node < node.name) ++failure;
        if (order != state.outbox.end() && order->node == node.name) add_outgoing(view, *order);
        if (failure != state.failures.end() && failure->node == node.name &&
            view.standing != Standing::kOther) {
            view.listed = true;
            view.standing = Standing::kFailed;
            view.stage = failure->stage;
        }
        round.views.push_back(view);
    }
}

std::string unknown_zone_words(const RolloutSpec& spec, const TimeZones& zones) {
    const std::string name = unknown_time_zone(spec.windows, zones);
    if (name.empty()) return {};
    return fmt::format(
        "the server does not know the time zone '{}': install tzdata there, or say "
        "utcOffsetMinutes instead",
        name);
}

std::string name_some(const std::vector<std::string>& names) {
    constexpr std::size_t kShownMax = 3;
    const std::size_t shown = std::min(names.size(), kShownMax);
    const auto end = names.begin() + static_cast<std::ptrdiff_t>(shown);
    std::string text = join(std::vector<std::string>(names.begin(), end), ", ");
    if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
    return text;
}

}  // namespace hf::control::rollout
