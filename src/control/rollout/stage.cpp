#include "control/rollout/stage.h"

#include <algorithm>

namespace hf::control::rollout {
namespace {

// Of its last order, also where somebody else has taken the node over.
std::int64_t stage_of(const View& view) {
    return view.standing == Standing::kOther ? view.node->token->stage : view.stage;
}

}  // namespace

std::int64_t Tally::needed(const Stage& stage) const {
    return std::max<std::int64_t>(at_least(stage.success_percent, base), base > 0 ? 1 : 0);
}

bool Tally::passed(const Stage& stage) const {
    if (takes_more() || good < needed(stage)) return false;
    if (proves_nothing() && !promoted) return false;
    if (last && under_way > 0) return false;
    return good > 0 || !needs_good;
}

bool Tally::cannot_pass(const Stage& stage) const {
    const std::int64_t expected = base + (in_base ? 0 : std::min(room, fresh + late));
    return failed > expected - at_least(stage.success_percent, expected);
}

bool has_word(const std::vector<Word>& words, const Stage& stage) {
    return std::any_of(words.begin(), words.end(),
                       [&](const Word& word) { return word.stage == stage.name; });
}

StageView::StageView(Round& round) : round_(round), stage_(*round.state.current()) {
    Result<api::LabelSelector> selector = api::LabelSelector::parse(stage_.selector);
    HF_CHECK(selector.ok(), "check(spec) parsed it: {}", selector.status().message());
    selector_ = std::move(selector).value();
}

bool StageView::includes(const View& view) const {
    if (view.standing == Standing::kOther) return false;
    const std::vector<std::string>& canary = round_.state.canary;
    if (fixed() && round_.state.progress.front().began) {
        return std::binary_search(canary.begin(), canary.end(), view.node->name);
    }
    return selector_.selects_all() || selector_.matches(view.node->labels);
}

bool StageView::is_due(const View& view) const {
    // Who was ordered in a later stage was so by a step whose State was lost: it waits its turn.
    if (view.stage > round_.state.stage || view.attempt >= round_.spec().attempts_max) return false;
    if (view.standing == Standing::kInFlight) return view.timed_out;
    return view.standing == Standing::kRevoked && view.reachable() &&
           view.stage == round_.state.stage;
}

bool StageView::is_fresh(const View& view) const {
    const bool again = view.standing == Standing::kRevoked && view.stage != round_.state.stage;
    if (view.standing != Standing::kCandidate && !again) return false;
    return !view.silent && view.attempt < round_.spec().attempts_max && includes(view);
}

void StageView::count(const View& view, Tally& tally) const {
    if (view.standing == Standing::kPresent || view.listed) return;
    if (view.standing == Standing::kCandidate) {
        const bool lost = fixed() && view.silent && includes(view);
        tally.members += lost;
        tally.silent += lost;
        return;
    }
    if (view.stage != round_.state.stage) return;
    ++tally.members;
    if (view.silent) {
        ++tally.silent;
    } else {
        ++tally.base;
        tally.good += view.standing == Standing::kGood;
    }
}

Tally StageView::tally() const {
    Tally tally;
    const Progress& progress = round_.state.progress[static_cast<std::size_t>(round_.state.stage)];
    std::int64_t ordered = 0;  // and still there
    for (const View& view : round_.views) {
        const bool ours = round_.is_ours(*view.node) || view.pending;
        ordered += ours && !view.listed && stage_of(view) == round_.state.stage;
        if (view.standing == Standing::kOther) continue;
        count(view, tally);
        tally.under_way += view.standing == Standing::kInFlight || is_due(view);
        tally.waiting += view.waits;
        const bool included = includes(view);
        tally.matching += included;
        if (!included || progress.closed || !is_fresh(view)) continue;
        ++(view.reachable() ? tally.fresh : tally.late);
    }
    // Who failed has shown it, whether it is still there or not.
    for (const Failure& failure : round_.state.failures)
        tally.failed += failure.stage == round_.state.stage;
    tally.members += tally.failed;
    tally.base += tally.failed;
    tally.gone = std::max<std::int64_t>(0, progress.ordered - ordered - tally.failed);
    tally.promoted = has_word(round_.spec().promotions, stage_);
    tally.last = round_.state.stage + 1 == static_cast<std::int64_t>(round_.spec().stages.size());
    tally.room = kAllNodes;
    if (fixed()) {
        tally.needs_good = !round_.state.canary.empty();
        tally.base += tally.fresh + tally.late;
        tally.in_base = true;
    } else if (stage_.limit.limits()) {
        tally.room =
            std::max<std::int64_t>(0, at_most(stage_.limit, tally.matching) - progress.ordered);
    }
    return tally;
}

}  // namespace hf::control::rollout
