#include "node/brain.h"

#include <algorithm>

namespace hf::node {

namespace {

// How often new counts of answers are reason enough for a report.
constexpr Duration kAnswersEvery = std::chrono::seconds(2);

}  // namespace

// What answered comes up first, so that an order which is refused leaves no gap.
void Brain::recall(Memory memory, Instant now) {
    memory_ = std::move(memory);
    judge_trials(now);
    for (const auto& [service, refusals] : memory_.refusals) {
        state_.slots[service].refusals = refusals;
    }
    for (const auto& [service, wish] : memory_.active) {
        recalled_.insert(service);
        carry_out(on_wish(state_, wish, now));
    }
    Result<Desired> desired = read_desired(memory_.node);
    if (!desired.ok()) return effects_.troubles.push_back(desired.status());
    followed_ = std::move(*desired);
    unapplied_ = true;
}

// A process that ended while a version was on trial may have ended by it.
void Brain::judge_trials(Instant now) {
    for (auto& [service, trial] : memory_.trials) {
        unsaved_ = true;
        if (++trial.starts <= kTrialStartsMax) continue;
        const auto active = memory_.active.find(service);
        const Wish wish = active == memory_.active.end() ? Wish() : active->second;
        std::vector<Refusal>& list = memory_.refusals[service];
        list.push_back({trial.digest, wish.policy_version, wish.device, Step::kActivate,
                        failed_precondition("[trial] the process ended {} times while {} was on "
                                            "trial",
                                            kTrialStartsMax, trial.digest)});
        if (list.size() > kMaxRefusals) list.erase(list.begin());
        trial.digest.clear();
    }
    std::erase_if(memory_.trials, [](const auto& entry) { return entry.second.digest.empty(); });
    (void)now;
}

std::vector<std::string> Brain::watched() const {
    std::vector<std::string> services;
    for (const auto& [service, slot] : state_.slots) {
        const bool rolls = !slot.wish.rollout.empty();
        if (!slot.active_digest.empty() && (slot.trial_ends || rolls)) services.push_back(service);
    }
    return services;
}

void Brain::take_answers(const std::map<std::string, Answers>& answers, Instant now) {
    for (const auto& [service, each] : answers) {
        carry_out(on_answers(state_, service, each, now));
        const bool news = !(answers_[service] == each);
        if (news && now - answers_reported_ >= kAnswersEvery) changed_status_ = true;
        answers_[service] = each;
    }
    if (changed_status_) answers_reported_ = now;
}

Effects Brain::step(Input input, Instant now) {
    for (Finished& each : input.finished) take(std::move(each), now);
    take_answers(input.answers, now);
    if (input.node) follow(*input.node);
    if (unapplied_ && recalled_.empty()) apply(now);
    carry_out(on_tick(state_, now));
    for (const auto& [service, slot] : state_.slots) remember_active(service, slot);
    if (changed_status_ || now >= next_report_) {
        changed_status_ = false;
        next_report_ = now + options_.report_every;
        effects_.status = true;
    }
    if (unsaved_) effects_.memory = write_memory(memory_);
    unsaved_ = false;
    Effects effects;
    std::swap(effects, effects_);
    return effects;
}

Instant Brain::next() const {
    const std::optional<Instant> tick = next_tick(state_);
    return tick ? std::min(next_report_, *tick) : next_report_;
}

json::Object Brain::status(const MailAccount& account, Instant now) const {
    const std::int64_t generation = followed_ ? followed_->generation : 0;
    return node_status({options_.facts, state_, running_, answers_, account, generation}, now);
}

void Brain::take(Finished finished, Instant now) {
    const Done& done = finished.done;
    if (finished.running && done.status.ok() && done.step == Step::kActivate &&
        state_.slots.contains(done.service)) {
        running_[done.service] = *finished.running;
        answers_.erase(done.service);
    }
    carry_out(on_done(state_, done, now));
    const auto slot = state_.slots.find(done.service);
    if (slot == state_.slots.end() || slot->second.settled || slot->second.retry_at) {
        recalled_.erase(done.service);
    }
}

// What a restart shall bring up, and what it shall not.
void Brain::remember_active(const std::string& service, const Slot& slot) {
    if (slot.refusals.size() != memory_.refusals[service].size()) {
        memory_.refusals[service] = slot.refusals;
        unsaved_ = true;
    }
    const bool tries = slot.trial_ends && !slot.active_digest.empty();
    const auto trial = memory_.trials.find(service);
    if (tries && (trial == memory_.trials.end() || trial->second.digest != slot.active_digest)) {
        memory_.trials[service] = {slot.active_digest, 1};
        unsaved_ = true;
    }
    // Until what is recalled has come up, it is not what answers that counts but what did.
    if (tries || slot.active_digest.empty() || slot.falling_back) return;
    if (trial != memory_.trials.end() && !recalled_.contains(service) &&
        trial->second.digest == slot.active_digest) {
        memory_.trials.erase(trial);
        unsaved_ = true;
    }
    Wish& known = memory_.active[service];
    if (known == slot.active_wish) return;
    known = slot.active_wish;
    unsaved_ = true;
}

void Brain::follow(const api::Object& node) {
    Result<Desired> desired = read_desired(node);
    if (!desired.ok()) return effects_.troubles.push_back(desired.status());
    if (followed_) {
        const Status follows = check_follows(*followed_, *desired);
        if (!follows.ok()) return effects_.troubles.push_back(follows);
    }
    const bool is_new = !followed_ || followed_->uid != desired->uid ||
                        followed_->generation != desired->generation;
    followed_ = std::move(*desired);
    if (!is_new) return;
    if (memory_.node.uid() != node.uid() || memory_.node.generation() != node.generation()) {
        memory_.node = node;
        unsaved_ = true;
    }
    unapplied_ = true;
}

void Brain::apply(Instant now) {
    unapplied_ = false;
    for (const auto& [service, wish] : followed_->wishes) {
        carry_out(on_wish(state_, wish, now));
    }
    std::vector<std::string> gone;
    for (const auto& [service, slot] : state_.slots) {
        if (!followed_->wishes.contains(service)) gone.push_back(service);
    }
    for (const std::string& service : gone) forget(service);
    changed_status_ = true;
}

void Brain::forget(const std::string& service) {
    running_.erase(service);
    memory_.active.erase(service);
    memory_.refusals.erase(service);
    memory_.trials.erase(service);
    answers_.erase(service);
    carry_out(on_gone(state_, service));
    unsaved_ = true;
}

void Brain::carry_out(const Actions& actions) {
    for (const Action& action : actions) {
        switch (action.kind) {
            case Action::Kind::kRun:
            case Action::Kind::kRetire: effects_.work.push_back(action); break;
            case Action::Kind::kReport: changed_status_ = true; break;
            case Action::Kind::kEvent: {
                const auto slot = state_.slots.find(action.service);
                if (slot == state_.slots.end()) break;
                effects_.events.push_back({action.service, slot->second.wish.uid, action.warning,
                                           action.reason, action.message});
            }
        }
    }
}

}  // namespace hf::node
