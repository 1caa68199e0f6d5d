#include "node/brain.h"

#include <algorithm>

namespace hf::node {

// What answered comes up first, so that an order which is refused leaves no gap.
void Brain::recall(Memory memory, Instant now) {
    memory_ = std::move(memory);
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

Effects Brain::step(Input input, Instant now) {
    for (Finished& each : input.finished) take(std::move(each), now);
    if (input.node) follow(*input.node);
    if (unapplied_ && recalled_.empty()) apply(now);
    carry_out(on_tick(state_, now));
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
    return node_status({options_.facts, state_, running_, account, generation}, now);
}

void Brain::take(Finished finished, Instant now) {
    const Done& done = finished.done;
    const auto slot = state_.slots.find(done.service);
    const Wish wish = slot == state_.slots.end() ? Wish() : slot->second.wish;
    if (finished.running && done.status.ok() && done.step == Step::kActivate) {
        running_[done.service] = *finished.running;
        remember_active(wish, done.digest);
    }
    carry_out(on_done(state_, done, now));
    if (slot == state_.slots.end() || slot->second.settled || slot->second.retry_at) {
        recalled_.erase(done.service);
    }
    if (slot != state_.slots.end() &&
        slot->second.refusals.size() != memory_.refusals[done.service].size()) {
        memory_.refusals[done.service] = slot->second.refusals;
        unsaved_ = true;
    }
}

void Brain::remember_active(Wish wish, const std::string& digest) {
    if (wish.service.empty()) return;
    wish.digest = digest;
    Wish& known = memory_.active[wish.service];
    if (known == wish) return;
    known = std::move(wish);
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
