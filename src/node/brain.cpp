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
    Result<Desired> desired = read_desired(memory_.node);
    if (desired.ok()) {
        followed_ = std::move(*desired);
        unapplied_ = true;
    } else {
        effects_.troubles.push_back(desired.status());
    }
    const auto is_gone = [&](const auto& entry) {
        return followed_ && !followed_->wishes.contains(entry.first);
    };
    unsaved_ = std::erase_if(memory_.active, is_gone) > 0;
    unsaved_ = std::erase_if(memory_.refusals, is_gone) > 0 || unsaved_;
    unsaved_ = std::erase_if(memory_.trials, is_gone) > 0 || unsaved_;
    judge_trials();
    for (const auto& [service, refusals] : memory_.refusals) {
        state_.slots[service].refusals = refusals;
    }
    for (const auto& [service, active] : memory_.active) {
        recalled_.insert(service);
        carry_out(on_wish(state_, in_its_place(active), now));
        state_.slots.at(service).answered = active;
    }
}

// As it is wished for, where data may lie and go by the newest orders.
Wish Brain::in_its_place(const Wish& wish) const {
    if (!followed_) return wish;
    return wish.in_place_of(followed_->wishes.at(wish.service));
}

// What comes up as it was: newer orders wait for it, but for whether it may come up at all.
void Brain::heed(Instant now) {
    const std::set<std::string> recalled = recalled_;
    for (const std::string& service : recalled) {
        if (followed_->wishes.contains(service)) {
            carry_out(on_wish(state_, in_its_place(state_.slots.at(service).wish), now));
        } else {
            recalled_.erase(service);
            forget(service);
        }
    }
}

// A process that ended while a version was on trial may have ended by it.
void Brain::judge_trials() {
    for (auto& [service, trial] : memory_.trials) {
        unsaved_ = true;
        if (++trial.starts <= kTrialStartsMax) continue;
        std::vector<Refusal>& list = memory_.refusals[service];
        list.push_back({trial.digest, trial.policy_version, trial.device, Step::kActivate,
                        failed_precondition("[trial] the process ended {} times while {} was on "
                                            "trial",
                                            kTrialStartsMax, trial.digest)});
        if (list.size() > kMaxRefusals) list.erase(list.begin());
        trial.digest.clear();
    }
    std::erase_if(memory_.trials, [](const auto& entry) { return entry.second.digest.empty(); });
}

std::vector<std::string> Brain::watched() const {
    std::vector<std::string> services;
    for (const auto& [service, slot] : state_.slots) {
        const bool rolls = !slot.wish.rollout.empty();
        if (!slot.active_digest.empty() && (slot.trial_ends || rolls)) services.push_back(service);
    }
    return services;
}

std::vector<std::string> Brain::measured() const {
    std::vector<std::string> services;
    for (const auto& [service, slot] : state_.slots) {
        if (slot.wish.report_load && !slot.active_digest.empty()) services.push_back(service);
    }
    return services;
}

std::set<std::string> Brain::unknown_time_zones() const {
    std::set<std::string> names;
    for (const auto& [service, slot] : state_.slots) {
        std::string name = api::unknown_time_zone(slot.wish.windows, state_.time_zones);
        if (!name.empty()) names.insert(std::move(name));
    }
    return names;
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

void Brain::take_traffic(const Input& input, Instant now) {
    std::erase_if(meters_, [&](const auto& entry) {
        const auto slot = state_.slots.find(entry.first);
        return slot == state_.slots.end() || !slot->second.wish.report_load ||
               slot->second.active_digest.empty();
    });
    for (const auto& [service, traffic] : input.traffic) {
        LoadMeter& meter = meters_[service];
        meter.add(traffic, now);
        if (meter.is_news(input.pace, now)) changed_status_ = true;
    }
}

Effects Brain::step(Input input, Instant now) {
    for (Finished& each : input.finished) take(std::move(each), now);
    take_answers(input.answers, now);
    take_traffic(input, now);
    if (input.profile) {
        profile_ = std::move(input.profile);
        changed_status_ = true;
    }
    if (input.node) follow(*input.node);
    state_.time_zones.merge(input.time_zones);
    if (unapplied_) heed(now);
    if (unapplied_ && recalled_.empty()) apply(now);
    carry_out(on_tick(state_, now));
    for (const auto& [service, slot] : state_.slots) remember(service, slot);
    if (changed_status_ || now >= next_report_ || next_report_ - now > options_.report_every) {
        changed_status_ = false;
        next_report_ = now + options_.report_every;
        effects_.status = true;
        for (auto& [service, meter] : meters_) meter.told(now);
    }
    const bool again = keep_again_ && (now >= *keep_again_ || *keep_again_ - now > kKeepAgainAfter);
    if (unsaved_ || again) {
        effects_.memory = write_memory(memory_);
        keep_again_.reset();
    }
    unsaved_ = false;
    Effects effects;
    std::swap(effects, effects_);
    return effects;
}

// What lies further ahead than it was ever put does so because the clock was put back.
Instant Brain::next(Instant now) const {
    const auto honest = [&](Instant when, Duration most) {
        return when - now > most ? now : std::max(now, when);
    };
    Instant first = honest(next_report_, options_.report_every);
    if (keep_again_) first = std::min(first, honest(*keep_again_, kKeepAgainAfter));
    const std::optional<Instant> tick = next_tick(state_);
    return tick ? std::min(first, honest(*tick, std::max(kRetryMost, kTrialFor))) : first;
}

void Brain::note_memory_not_kept(Instant now) {
    keep_again_ = now + kKeepAgainAfter;
}

json::Object Brain::status(const MailAccount& account, Instant now) const {
    const std::int64_t generation = followed_ ? followed_->generation : 0;
    return node_status({options_.facts, state_, running_, answers_, account, generation,
                        profile_ ? &*profile_ : nullptr, &meters_},
                       now);
}

void Brain::take(Finished finished, Instant now) {
    const Done done = finished.done;
    const auto slot = state_.slots.find(done.service);
    const bool is_current = slot != state_.slots.end() && slot->second.in_flight &&
                            slot->second.in_flight_run == done.run;
    if (is_current && finished.running && done.status.ok() && done.step == Step::kActivate) {
        running_[done.service] = std::move(*finished.running);
        answers_.erase(done.service);
        meters_.erase(done.service);
    }
    carry_out(on_done(state_, done, now));
    if (slot == state_.slots.end() || slot->second.settled || slot->second.retry_at) {
        recalled_.erase(done.service);
    }
}

// What a restart shall bring up, and what it shall not.
void Brain::remember(const std::string& service, const Slot& slot) {
    remember_refusals(service, slot);
    const auto trial = memory_.trials.find(service);
    const bool known = trial != memory_.trials.end() && trial->second.digest == slot.active_digest;
    if (slot.trial_ends) {
        Trial next{slot.active_digest, known ? trial->second.starts : 1,
                   slot.active_wish.policy_version, slot.active_wish.device};
        unsaved_ = unsaved_ || !known || !(trial->second == next);
        memory_.trials.insert_or_assign(service, std::move(next));
    }
    // On trial or after a failed one, it is what answered before that a restart brings up.
    if (!slot.previous.digest.empty() || slot.active_digest.empty()) return;
    // It has stood, or the orders have taken it back: they bring up what answers instead.
    const bool replaced = followed_ && !unapplied_ && slot.settled &&
                          slot.digest == slot.active_digest && trial != memory_.trials.end();
    if (known || replaced) {
        memory_.trials.erase(trial);
        unsaved_ = true;
    }
    Wish& active = memory_.active[service];
    if (active == slot.active_wish) return;
    active = slot.active_wish;
    unsaved_ = true;
}

void Brain::remember_refusals(const std::string& service, const Slot& slot) {
    if (slot.refusals.empty()) return;
    std::vector<Refusal>& known = memory_.refusals[service];
    const Refusal& last = slot.refusals.back();
    const bool same = known.size() == slot.refusals.size() && known.back().digest == last.digest &&
                      known.back().policy_version == last.policy_version &&
                      known.back().device == last.device;
    if (same) return;
    known = slot.refusals;
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
    memory_.refusals.erase(service);
    memory_.trials.erase(service);
    answers_.erase(service);
    carry_out(on_gone(state_, service));
    unsaved_ = true;
}

void Brain::carry_out(const Actions& actions) {
    for (const Action& action : actions) {
        switch (action.kind) {
            case Action::Kind::kRetire:
                // Nor after a restart.
                running_.erase(action.service);
                unsaved_ = memory_.active.erase(action.service) > 0 || unsaved_;
                effects_.work.push_back(action);
                break;
            case Action::Kind::kCascade:
            case Action::Kind::kRun: effects_.work.push_back(action); break;
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
