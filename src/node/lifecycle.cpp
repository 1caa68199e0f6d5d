#include "node/lifecycle.h"

#include <algorithm>
#include <array>
#include <set>

#include "node/disk_room.h"
#include "node/lifecycle_windows.h"
#include "node/lifecycle_words.h"

namespace hf::node {
namespace {

struct StepWords {
    std::string_view condition;
    std::string_view failed;
};

constexpr std::array<StepWords, kStepCount> kWords{{
    {"Resolved", "NotFound"},
    {"Pulled", "PullFailed"},
    {"Verified", "Refused"},
    {"Compiled", "CompileFailed"},
    {"Reproduced", "GoldenMismatch"},
    {"Active", "ActivateFailed"},
}};

const StepWords& words_of(Step step) {
    return kWords[static_cast<std::size_t>(step)];
}

// What may go away by itself: something is not there yet, not reachable, or full.
bool is_passing(Code code) {
    return code == Code::kNotFound || code == Code::kUnavailable ||
           code == Code::kResourceExhausted || code == Code::kDeadlineExceeded ||
           code == Code::kAborted || code == Code::kCancelled;
}

// The versions that answer, may be gone back to, or are on their way.
std::vector<std::string> versions_in_use(const State& state) {
    std::set<std::string> digests;
    for (const auto& [service, slot] : state.slots) {
        for (const std::string* digest :
             {&slot.digest, &slot.active_digest, &slot.answered.digest, &slot.previous.digest,
              &slot.wish.digest, &slot.active_wish.digest}) {
            if (!digest->empty()) digests.insert(*digest);
        }
    }
    return {digests.begin(), digests.end()};
}

Action run(State& state, Slot& slot, Step step) {
    state.last_run = RunId{state.last_run.value() + 1};
    slot.in_flight = step;
    slot.in_flight_run = state.last_run;
    slot.superseded = false;
    Action action;
    action.kind = Action::Kind::kRun;
    action.service = slot.wish.service;
    action.step = step;
    action.run = slot.in_flight_run;
    action.wish = slot.falling_back ? slot.previous : slot.wish;
    action.digest = slot.falling_back ? slot.previous.digest : slot.digest;
    if (step == Step::kPull) action.in_use = versions_in_use(state);
    slot.in_flight_wish = action.wish;
    return action;
}

// The step, or the wait for a window.
Actions go_on(State& state, Slot& slot, Step step, Instant now) {
    if (!may_go_on(state, slot, step, now)) return wait_for_window(state, slot, step, now);
    return {run(state, slot, step)};
}

const Refusal* find_refusal(const Slot& slot) {
    for (const Refusal& refusal : slot.refusals) {
        if (refusal.digest == slot.digest && refusal.device == slot.wish.device &&
            refusal.policy_version == slot.wish.policy_version) {
            return &refusal;
        }
    }
    return nullptr;
}

void begin(Slot& slot, const Wish& wish) {
    slot.wish = wish;
    slot.superseded = slot.in_flight.has_value();
    slot.digest.clear();
    slot.settled = false;
    slot.attempts = 0;
    slot.retry_at.reset();
    slot.look_at.reset();
    slot.again_at.reset();
    std::erase_if(slot.conditions, [](const Condition& c) { return c.type != "Ready"; });
}

// The reason of a refusal that is none of a step's own.
constexpr std::string_view kBanned = "Residency";

// Why a step did not succeed, in a word.
std::string_view reason_of(const Done& done) {
    if (done.banned) return kBanned;
    if (says_disk_full(done.status)) return "DiskFull";
    const bool budget = done.status.message().find("[data-budget]") != std::string_view::npos;
    return done.step == Step::kPull && budget ? "DataBudget" : words_of(done.step).failed;
}

void fail(Slot& slot, const Done& done, Instant now) {
    set_condition(slot, {std::string(condition_of(done.step)), false, std::string(reason_of(done)),
                         std::string(done.status.message()), now});
    set_ready(slot, now);
}

// Before the next attempt; each is longer than the one before.
Duration next_pause(Slot& slot) {
    return std::min(kRetryMost, kRetryFirst * (1 << std::min(slot.attempts++, 6)));
}

Actions retry_later(Slot& slot, const Done& done, Instant now) {
    slot.retry_at = now + next_pause(slot);
    Actions actions;
    const Condition* before = slot.condition(condition_of(done.step));
    const std::string_view reason = reason_of(done);
    // Each retry of the same trouble would be one more event that says nothing new; a disk that is
    // full says another size each time.
    const bool same_full = before && says_disk_full(done.status) && before->reason == reason;
    if (!before || (before->message != done.status.message() && !same_full)) {
        actions.push_back(
            event(slot, true, reason,
                  fmt::format("{}; trying again", std::string(done.status.message()))));
    }
    fail(slot, done, now);
    actions.push_back(report(slot));
    return actions;
}

// Whether that wish was for the version, policy and device that are asked for now.
bool is_asked_for(const Slot& slot, const Wish& wish) {
    return slot.digest == wish.digest && slot.wish.policy_version == wish.policy_version &&
           slot.wish.device == wish.device;
}

void end_trial(Slot& slot) {
    slot.trial_ends.reset();
    slot.previous = Wish();
    slot.falling_back = false;
}

Actions refuse(Slot& slot, const Done& done, Instant now) {
    const auto& [service, step, run, why, digest, banned] = done;
    slot.settled = true;
    if (!find_refusal(slot)) {
        slot.refusals.push_back(
            {slot.digest, slot.wish.policy_version, slot.wish.device, step, why});
        if (slot.refusals.size() > kMaxRefusals) slot.refusals.erase(slot.refusals.begin());
    }
    if (is_asked_for(slot, slot.answered)) slot.answered = Wish();
    Actions actions{event(slot, true, reason_of(done), std::string(why.message()))};
    // What may not lie here may not answer here either, also not in its last version.
    if (banned && !slot.active_digest.empty()) {
        slot.active_digest.clear();
        end_trial(slot);
        actions.push_back(retire(slot.wish.service));
    }
    fail(slot, done, now);
    actions.push_back(report(slot));
    return actions;
}

// The version of the wish answers from now on.
void begin_trial(Slot& slot, Instant now) {
    const bool replaces = !slot.active_digest.empty() && slot.active_digest != slot.digest;
    if (slot.previous.digest == slot.digest) {
        // What answered before the version on trial is not on trial for coming back.
        end_trial(slot);
    } else if (replaces || slot.owes_way_back()) {
        // One that is on trial itself, or has failed it, is nothing to go back to.
        if (slot.previous.digest.empty()) slot.previous = slot.active_wish;
        slot.trial_ends = now + kTrialFor;
    }
    slot.active_digest = slot.digest;
    slot.answered = Wish();
    slot.active_wish = slot.wish;
    slot.active_wish.digest = slot.digest;
}

Actions fall_back(State& state, Slot& slot, const Status& why, Instant now) {
    slot.trial_ends.reset();
    slot.falling_back = true;
    // By the wish that brought it up; the one of now may ask for another version.
    slot.refusals.push_back({slot.active_digest, slot.active_wish.policy_version,
                             slot.active_wish.device, Step::kActivate, why});
    if (slot.refusals.size() > kMaxRefusals) slot.refusals.erase(slot.refusals.begin());
    set_condition(slot, {"Active", false, "RolledBack", std::string(why.message()), now});
    return {event(slot, true, "RollingBack",
                  fmt::format("{}; back to {}", why.message(), slot.previous.digest)),
            report(slot), run(state, slot, Step::kPull)};
}

// Whether the wish has nothing to do now: it is active or refused, waits, or is tried again later.
bool wish_rests(const Slot& slot) {
    return slot.settled || slot.retry_at || slot.look_at;
}

bool may_go_back(const Slot& slot) {
    return slot.owes_way_back() && wish_rests(slot);
}

Action go_back(State& state, Slot& slot) {
    slot.again_at.reset();
    slot.falling_back = true;
    slot.previous = slot.previous.in_place_of(slot.wish);
    return run(state, slot, Step::kPull);
}

// Whether what answered before a restart shall, until the wish is what does. What may not lie here
// may not answer.
bool may_come_back(const Slot& slot) {
    if (slot.answered.digest.empty() || !slot.active_digest.empty()) return false;
    if (!wish_rests(slot)) return false;
    const Condition* resolved = slot.condition(condition_of(Step::kResolve));
    if (resolved && resolved->reason == kBanned) return false;
    return !is_asked_for(slot, slot.answered);
}

Action come_back(State& state, Slot& slot) {
    slot.again_at.reset();
    slot.falling_back = true;
    slot.previous = slot.answered.in_place_of(slot.wish);
    return run(state, slot, Step::kPull);
}

constexpr std::string_view kWayBack = "WayBack";

// The way back from a version that failed its trial is gone again later. People are told once.
Actions owe_way_back(Slot& slot, const Status& why, Instant now) {
    slot.falling_back = false;
    slot.again_at = now + next_pause(slot);
    const Condition* before = slot.condition(kWayBack);
    const bool told = before && before->message == why.message();
    set_condition(
        slot, {std::string(kWayBack), false, "RollBackFailed", std::string(why.message()), now});
    if (told) return {};
    return {event(slot, true, "RollBackFailed",
                  fmt::format("{} cannot be brought up again yet: {}; trying again",
                              slot.previous.digest, why.message())),
            report(slot)};
}

// The version on the way back cannot answer. It is tried again, unless it is refused.
Actions stay_away(Slot& slot, const Done& done, Instant now) {
    const bool comes_back = slot.active_digest.empty();
    const bool passing = is_passing(done.status.code());
    if (!comes_back && passing) return owe_way_back(slot, done.status, now);
    const std::string digest = slot.previous.digest;
    end_trial(slot);
    if (passing) {
        slot.again_at = now + next_pause(slot);
        return {};
    }
    if (comes_back) slot.answered = Wish();
    return {event(slot, true, "RollBackFailed",
                  fmt::format("{} cannot be brought up again: {}", digest, done.status.message()))};
}

// Another wish came while the steps were on a way back: one from a failed trial remains to be gone.
void cut_short(Slot& slot) {
    slot.falling_back = false;
    if (slot.active_digest.empty()) end_trial(slot);
}

// A step on the way back ended.
Actions go_on_back(State& state, Slot& slot, const Done& done, Instant now) {
    slot.in_flight.reset();
    if (!done.status.ok()) return stay_away(slot, done, now);
    if (done.step != Step::kActivate) {
        return {run(state, slot, static_cast<Step>(static_cast<int>(done.step) + 1))};
    }
    const std::string_view reason = slot.active_digest.empty() ? "Active" : "RolledBack";
    slot.active_wish = slot.previous;
    slot.active_digest = slot.previous.digest;
    slot.answered = Wish();
    end_trial(slot);
    std::erase_if(slot.conditions, [](const Condition& c) { return c.type == kWayBack; });
    set_ready(slot, now);
    return {event(slot, false, reason, fmt::format("{} answers again", slot.active_digest)),
            report(slot)};
}

// The step in flight succeeded: what comes next.
Actions advance(State& state, Slot& slot, Instant now) {
    const Step step = *slot.in_flight;
    slot.in_flight.reset();
    const std::string done(condition_of(step));
    const Condition* before = slot.condition(done);
    const bool news = !before || !before->truth || before->message != slot.digest;
    set_condition(slot, {done, true, done, slot.digest, now});
    if (step == Step::kActivate) {
        begin_trial(slot, now);
        slot.settled = true;
        slot.attempts = 0;
        set_ready(slot, now);
        return {event(slot, false, done, fmt::format("{} answers", slot.digest)), report(slot)};
    }
    set_ready(slot, now);
    Actions actions;
    if (news) actions = {event(slot, false, done, slot.digest), report(slot)};
    if (step == Step::kResolve) {
        if (const Refusal* old = find_refusal(slot)) {
            Done again;
            again.step = old->step;
            again.status = Status(old->why).context("refused before");
            return refuse(slot, again, now);
        }
    }
    for (Action& action : go_on(state, slot, static_cast<Step>(static_cast<int>(step) + 1), now)) {
        actions.push_back(std::move(action));
    }
    return actions;
}

// A window that was waited for has opened, or the orders ask for none any more, or another one is
// the next. Begins anew, since what was done before may have been undone on the way back from a
// version on trial.
Actions look_for_window(State& state, Slot& slot, Instant now) {
    if (!may_go_on(state, slot, slot.waiting, now)) {
        return wait_for_window(state, slot, slot.waiting, now);
    }
    slot.look_at.reset();
    std::erase_if(slot.conditions, [](const Condition& c) { return c.type == kWaitingForWindow; });
    return {report(slot), run(state, slot, Step::kResolve)};
}

// Later than any pause is long: the clock was put back meanwhile.
bool is_due(Instant at, Instant now) {
    return at <= now || at - now > kRetryMost;
}

// What the time has come for: the wish, or else the way back from a failed one, or what answered
// before a restart.
Actions take_up(State& state, Slot& slot, Instant now) {
    if (slot.in_flight) return {};
    Actions actions;
    if (!slot.settled && slot.look_at) {
        actions = look_for_window(state, slot, now);
    } else if (!slot.settled && slot.retry_at && is_due(*slot.retry_at, now)) {
        slot.retry_at.reset();
        // From the start: what was missing may be there under another digest now.
        actions.push_back(run(state, slot, Step::kResolve));
    }
    if (slot.in_flight || (slot.again_at && !is_due(*slot.again_at, now))) return actions;
    if (may_go_back(slot)) {
        actions.push_back(go_back(state, slot));
    } else if (may_come_back(slot)) {
        actions.push_back(come_back(state, slot));
    }
    return actions;
}

}  // namespace

std::string_view condition_of(Step step) {
    return words_of(step).condition;
}

bool Wish::asks_the_same(const Wish& other) const {
    Wish same = other;
    same.uid = uid;
    same.generation = generation;
    same.epoch = epoch;
    same.rollout = rollout;
    same.windows = windows;
    same.download_ahead = download_ahead;
    same.data_limit = data_limit;
    same.cascade = cascade;
    same.report_load = report_load;
    return *this == same;
}

Wish Wish::in_place_of(const Wish& newest) const {
    Wish wish = *this;
    wish.jurisdictions = newest.jurisdictions;
    wish.forbidden = newest.forbidden;
    wish.cascade = newest.cascade;
    wish.data_limit = newest.data_limit;
    wish.report_load = newest.report_load;
    return wish;
}

bool Slot::owes_way_back() const {
    return !previous.digest.empty() && !active_digest.empty() && !trial_ends && !falling_back;
}

const Condition* Slot::condition(std::string_view type) const {
    const auto at = std::find_if(conditions.begin(), conditions.end(),
                                 [&](const Condition& c) { return c.type == type; });
    return at == conditions.end() ? nullptr : &*at;
}

Actions on_wish(State& state, const Wish& wish, Instant now) {
    Slot& slot = state.slots[wish.service];
    if (slot.wish == wish) return {};
    Actions actions;
    if (!cascades_the_same(slot.wish, wish)) actions.push_back(cascade(wish));
    const bool same = slot.wish.asks_the_same(wish);
    if (same) {
        slot.wish = wish;
    } else {
        begin(slot, wish);
        set_ready(slot, now);
    }
    actions.push_back(report(slot));
    // A step in flight ends first; on_done() then turns to the new wish.
    if (!same && !slot.in_flight) actions.push_back(run(state, slot, Step::kResolve));
    return actions;
}

Actions on_gone(State& state, const std::string& service) {
    const auto at = state.slots.find(service);
    if (at == state.slots.end()) return {};
    state.slots.erase(at);
    return {retire(service)};
}

Actions on_done(State& state, const Done& done, Instant now) {
    const auto at = state.slots.find(done.service);
    if (at == state.slots.end() || !at->second.in_flight || at->second.in_flight_run != done.run) {
        // The service went away meanwhile, and what was activated for it must not stay.
        const bool stays = at == state.slots.end() && done.step == Step::kActivate;
        return stays ? Actions{retire(done.service)} : Actions{};
    }
    Slot& slot = at->second;
    if (slot.superseded) {
        slot.in_flight.reset();
        // It was activated by the wish before, and answers.
        if (done.step == Step::kActivate && done.status.ok()) {
            slot.active_digest = done.digest;
            slot.active_wish = slot.in_flight_wish;
            slot.active_wish.digest = done.digest;
            slot.answered = Wish();
            end_trial(slot);
        }
        cut_short(slot);
        set_ready(slot, now);
        return {report(slot), run(state, slot, Step::kResolve)};
    }
    if (slot.falling_back) return go_on_back(state, slot, done, now);
    if (done.status.ok()) {
        if (done.step == Step::kResolve) slot.digest = done.digest;
        return advance(state, slot, now);
    }
    slot.in_flight.reset();
    if (is_passing(done.status.code())) return retry_later(slot, done, now);
    return refuse(slot, done, now);
}

Actions on_answers(State& state, const std::string& service, const Answers& answers, Instant now) {
    const auto at = state.slots.find(service);
    if (at == state.slots.end()) return {};
    Slot& slot = at->second;
    const bool bad = answers.failed >= kTrialFailures && answers.failed > answers.succeeded;
    // A next version is on its way already, or there is nothing to go back to.
    if (!bad || !slot.trial_ends || now >= *slot.trial_ends || slot.in_flight) return {};
    return fall_back(state, slot,
                     failed_precondition("[errors] {} failed {} of {} requests", slot.active_digest,
                                         answers.failed, answers.failed + answers.succeeded),
                     now);
}

Actions on_tick(State& state, Instant now) {
    Actions actions;
    for (auto& [service, slot] : state.slots) {
        if (slot.trial_ends && *slot.trial_ends <= now) end_trial(slot);
        for (Action& action : take_up(state, slot, now)) actions.push_back(std::move(action));
    }
    return actions;
}

std::optional<Instant> next_tick(const State& state) {
    std::optional<Instant> next;
    const auto consider = [&](const std::optional<Instant>& at) {
        if (at && (!next || *at < *next)) next = at;
    };
    for (const auto& [service, slot] : state.slots) {
        consider(slot.trial_ends);
        if (slot.in_flight) continue;  // as on_tick() does
        if (!slot.settled) {
            consider(slot.retry_at);
            consider(slot.look_at);
        }
        if (may_go_back(slot) || may_come_back(slot)) consider(slot.again_at);
    }
    return next;
}

}  // namespace hf::node
