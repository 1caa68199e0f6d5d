// From stage to stage: when one may begin, when it has passed.

#include <algorithm>

#include "base/text.h"
#include "control/rollout/stage.h"

namespace hf::control::rollout {
namespace {

Progress& progress_of(Round& round) {
    return round.state.progress[static_cast<std::size_t>(round.state.stage)];
}

void stand(Round& round, Phase phase, std::string waiting) {
    round.state.phase = phase;
    round.state.waiting = std::move(waiting);
}

// Fixes the members of the first stage: first those that were ordered in it already, by a step
// whose State was lost, then by name.
bool choose_canary(Round& round, const StageView& stage) {
    std::vector<std::string> members;
    std::vector<std::string> fresh;
    std::int64_t matching = 0;
    std::int64_t present = 0;
    for (const View& view : round.views) {
        if (view.stage == 0 && view.standing != Standing::kOther) {
            members.push_back(view.node->name);
        }
        if (!stage.includes(view)) continue;
        ++matching;
        present += view.standing == Standing::kPresent;
        const bool is_fresh = view.standing == Standing::kCandidate && view.reachable();
        if (is_fresh) fresh.push_back(view.node->name);
    }
    const auto max = static_cast<std::size_t>(at_most(stage.stage().limit, matching));
    for (std::string& name : fresh) {
        if (members.size() < max) members.push_back(std::move(name));
    }
    if (members.size() > kCanaryMax) {
        stand(round, Phase::kPending,
              fmt::format("stage '{}' would take {} nodes, and the first takes at most {}: give it "
                          "a limit, and a stage behind it",
                          stage.stage().name, members.size(), kCanaryMax));
        return false;
    }
    if (members.empty() && (present == 0 || present < matching)) {
        stand(round, Phase::kPending,
              fmt::format("stage '{}' has no node to begin with: {} match its selector, none of "
                          "them wants {} and is reachable",
                          stage.stage().name, matching,
                          round.spec().from.empty() ? "nothing yet" : round.spec().from));
        return false;
    }
    std::sort(members.begin(), members.end());
    round.state.canary = std::move(members);
    return true;
}

// Whether the stage began before, in a step whose State was lost.
bool is_on_record(const Round& round) {
    return std::any_of(round.views.begin(), round.views.end(), [&](const View& view) {
        return view.stage == round.state.stage && view.standing != Standing::kOther;
    });
}

bool may_begin(Round& round, const StageView& stage) {
    const bool approved = !stage.stage().approval ||
                          has_word(round.spec().approvals, stage.stage()) || is_on_record(round);
    if (!approved) {
        stand(round, Phase::kWaitingForApproval,
              fmt::format("stage '{}' waits for an approval", stage.stage().name));
        return false;
    }
    if (stage.fixed() && !choose_canary(round, stage)) return false;
    progress_of(round).began = round.now;
    round.tell("StageBegan", fmt::format("stage '{}' ({} of {})", stage.stage().name,
                                         round.state.stage + 1, round.spec().stages.size()));
    return true;
}

// The last good node's time; an instant from a clock that went back counts as now.
void note_good(Round& round, const Tally& tally) {
    Progress& progress = progress_of(round);
    if (tally.good > progress.good) {
        progress.good = tally.good;
        progress.last_good = round.now;
    }
    if (progress.last_good && *progress.last_good > round.now) progress.last_good = round.now;
}

std::string standing_words(const Tally& tally, const Stage& stage, std::string held) {
    // No promotion stands in for the one good node that it needs.
    if (tally.needs_good && tally.base == 0) {
        if (tally.members == 0) {
            return "no node of the stage is left to prove the version: abort it";
        }
        return fmt::format(
            "{} unreachable or gone, and no node of the stage is left to prove the version: bring "
            "one back, or abort it",
            tally.silent + tally.gone);
    }
    const std::int64_t needed = tally.needed(stage);
    std::vector<std::string> parts{fmt::format("{} of {} good", tally.good, tally.base)};
    if (needed < tally.base) parts.front() += fmt::format(", {} needed", needed);
    if (tally.failed > 0) parts.front() += fmt::format(", {} failed", tally.failed);
    if (tally.proves_nothing() && !tally.promoted) {
        parts.push_back(
            fmt::format("{} of {} unreachable or gone: too many to go on without a promotion",
                        tally.silent + tally.gone, tally.members + tally.gone));
    }
    if (tally.last && tally.under_way > 0 && tally.good >= needed && !tally.takes_more()) {
        parts.push_back(fmt::format("{} under way", tally.under_way));
    }
    if (tally.waiting > 0) {
        parts.push_back(fmt::format("{} waiting for a maintenance window", tally.waiting));
    }
    if (tally.late > 0) parts.push_back(fmt::format("{} unreachable, waited for", tally.late));
    if (!held.empty()) parts.push_back(std::move(held));
    return join(parts, "; ");
}

// What the gates still want to see; empty when they have seen enough.
std::string gates_wait(const Round& round) {
    const Gates& gates = round.spec().gates;
    const auto found = round.observed.metrics.find(round.spec().digest);
    const Metrics metrics = found == round.observed.metrics.end() ? Metrics{} : found->second;
    if (gates.need_requests() && metrics.requests < gates.minimum_requests) {
        return fmt::format("{} of {} requests that the gates ask for", metrics.requests,
                           gates.minimum_requests);
    }
    if (gates.agreement && round.state.compared < gates.agreement->samples_min) {
        return fmt::format("{} of {} compared answers that the gates ask for", round.state.compared,
                           gates.agreement->samples_min);
    }
    return {};
}

// Whether nothing is left to watch for in a complete stage.
bool soaked(Round& round, const StageView& stage) {
    const Progress& progress = progress_of(round);
    // Who had nothing to do has nothing to show.
    if (!progress.last_good || has_word(round.spec().promotions, stage.stage())) return true;
    const Instant end = *progress.last_good + stage.stage().soak;
    if (end > round.now) {
        round.wake_at(end);
        stand(round, Phase::kSoaking, "soaking until " + format_rfc3339_micros(end));
        return false;
    }
    if (std::string wait = gates_wait(round); !wait.empty()) {
        stand(round, Phase::kSoaking, std::move(wait));
        return false;
    }
    return true;
}

bool pass(Round& round, const StageView& stage) {
    State& state = round.state;
    progress_of(round).passed = round.now;
    round.tell("StagePassed", fmt::format("stage '{}': {} good of {} ordered", stage.stage().name,
                                          progress_of(round).good, progress_of(round).ordered));
    ++state.stage;
    if (state.current()) return true;
    stand(round, Phase::kSucceeded, "all stages passed");
    return false;
}

// Whether the stage failed beyond what it may; then all goes back.
bool turns_back(Round& round, const StageView& stage, const Tally& tally) {
    if (!tally.cannot_pass(stage.stage())) return false;
    begin_back(round, fmt::format("stage '{}' cannot pass: {} of {} failed, {} % must be good",
                                  stage.stage().name, tally.failed, tally.base,
                                  stage.stage().success_percent));
    return true;
}

}  // namespace

bool advance_stage(Round& round) {
    const StageView stage(round);
    if (progress_of(round).began) {
        const Tally tally = stage.tally();
        note_good(round, tally);
        if (turns_back(round, stage, tally)) return false;
    }
    const bool begin = !progress_of(round).began;
    if (begin && is_on_record(round)) return may_begin(round, stage);
    if (round.spec().paused) {
        stand(round, Phase::kPaused, "paused by its spec");
        return false;
    }
    if (begin) return may_begin(round, stage);  // and looks again
    std::string held = order_more(round, stage, stage.tally());
    const Tally tally = stage.tally();
    note_good(round, tally);
    if (!tally.passed(stage.stage())) {
        stand(round, Phase::kRunning, standing_words(tally, stage.stage(), std::move(held)));
        return false;
    }
    progress_of(round).closed = true;
    return soaked(round, stage) && pass(round, stage);
}

}  // namespace hf::control::rollout
