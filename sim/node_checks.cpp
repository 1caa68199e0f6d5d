#include "sim/node_checks.h"

#include "node/residency.h"

namespace hf::sim {
namespace {

bool is_passing(Code code) {
    return code == Code::kNotFound || code == Code::kUnavailable ||
           code == Code::kResourceExhausted || code == Code::kDeadlineExceeded ||
           code == Code::kAborted || code == Code::kCancelled;
}

}  // namespace

void NodeChecks::boots(const node::Memory& memory) {
    expected_ = memory.active;
    answered_.clear();
    last_ = {};
    refused_ = kept_refused_;
    for (const auto& [service, list] : memory.refusals) {
        for (const node::Refusal& each : list) {
            refused_.insert({service, each.digest, each.policy_version, each.device});
        }
    }
    std::erase_if(trial_boots_,
                  [&](const auto& entry) { return !memory.trials.contains(entry.first); });
    for (const auto& [service, trial] : memory.trials) count_boot(service, trial);
    kept_since_boot_ = false;
    uid_ = std::string(memory.node.uid());
    generation_ = memory.node.generation();
}

// The process ended while a version was on trial: the second time that the disk knows of, it is
// refused.
void NodeChecks::count_boot(const std::string& service, const node::Trial& trial) {
    TrialBoots& known = trial_boots_[service];
    const bool again = known.digest == trial.digest && trial.starts > 1;
    known.boots = again ? known.boots + kept_since_boot_ : 1;
    known.digest = trial.digest;
    if (known.boots < node::kTrialStartsMax) return;
    gave_up_.emplace(service, trial.digest);
    const auto activated = activated_.find(service);
    if (activated == activated_.end() || activated->second.digest != trial.digest) return;
    refused_.insert(activated->second);
}

void NodeChecks::kept_memory() {
    kept_since_boot_ = true;
    kept_refused_ = refused_;
}

void NodeChecks::fails_trial(const std::string& service) {
    const auto activated = activated_.find(service);
    if (activated != activated_.end()) refused_.insert(activated->second);
}

void NodeChecks::dies() {
    verified_.clear();
    reproduced_.clear();
}

void NodeChecks::follows(const node::Desired& desired) {
    context_.trace.checked();
    before_ = std::move(last_);
    if (desired.uid == uid_ && desired.generation < generation_) {
        context_.trace.breach("generation", "{} follows generation {} after {}", name_,
                              desired.generation, generation_);
    }
    uid_ = desired.uid;
    generation_ = desired.generation;
    last_ = desired;
    const auto is_gone = [&](const Tried& each) { return !desired.wishes.contains(each.service); };
    std::erase_if(expected_,
                  [&](const auto& entry) { return !desired.wishes.contains(entry.first); });
    std::erase_if(refused_, is_gone);
    std::erase_if(kept_refused_, is_gone);
}

// Ordered, and lawful here.
bool NodeChecks::is_wanted(const node::Desired& desired, const std::string& service) const {
    const auto wish = desired.wishes.find(service);
    return wish != desired.wishes.end() && node::check_residency(wish->second, jurisdiction_).ok();
}

void NodeChecks::asks(const node::Action& action, const node::Brain& brain) {
    context_.trace.checked();
    if (!brain.followed()) return;
    const bool may_run = is_wanted(*brain.followed(), action.service);
    if (action.kind == node::Action::Kind::kRetire) {
        if (!may_run || !is_wanted(before_, action.service)) return;
        // What it was ordered anew since, and has not brought up yet.
        const auto slot = brain.state().slots.find(action.service);
        if (slot == brain.state().slots.end()) return;
        if (slot->second.active_digest.empty() && !slot->second.settled) return;
        context_.trace.breach("static stability", "{} retires {}, which it is ordered to run",
                              name_, action.service);
    }
    if (action.step != node::Step::kActivate || may_run) return;
    if (!brain.followed()->wishes.contains(action.service)) return;
    context_.trace.breach("residency", "{} activates {}, which its orders say may not lie there",
                          name_, action.service);
}

void NodeChecks::runs(const node::Action& action, bool going_back) {
    context_.trace.checked();
    if (going_back) return;
    if (action.step == node::Step::kResolve || !refused_.contains(tried(action))) return;
    context_.trace.breach("refused", "{} tries {} for {} again, which failed there under policy {}",
                          name_, action.digest, action.service, action.wish.policy_version);
}

void NodeChecks::changes(const node::Action& action, const node::Slot& slot, Instant now) {
    context_.trace.checked();
    const node::Step first = action.wish.download_ahead ? node::Step::kCompile : node::Step::kPull;
    if (action.step < first || slot.falling_back || action.digest == slot.active_digest) return;
    if (api::window_open(action.wish.windows, {}, now)) return;
    // What answered when the process ended comes back at any time.
    const auto last = activated_.find(action.service);
    if (last != activated_.end() && last->second.digest == action.digest) return;
    const auto before = expected_.find(action.service);
    if (before != expected_.end() && before->second.digest == action.digest) return;
    context_.trace.breach("window", "{} changes {} to {} outside of its windows", name_,
                          action.service, action.digest);
}

void NodeChecks::done(const node::Action& action, const Status& status, bool counts) {
    if (action.step == node::Step::kPull) {
        verified_.erase(action.service);
        reproduced_.erase(action.service);
    }
    const bool refused = !status.ok() && !is_passing(status.code());
    if (refused && counts && action.step != node::Step::kResolve) refused_.insert(tried(action));
    if (!status.ok()) return;
    if (action.step == node::Step::kVerify) verified_[action.service] = tried(action);
    if (action.step == node::Step::kReproduce) reproduced_[action.service] = tried(action);
}

void NodeChecks::activates(const node::Wish& wish, const std::string& digest) {
    context_.trace.checked();
    answered_.insert(wish.service);
    const Tried now{wish.service, digest, wish.policy_version, wish.device};
    activated_[wish.service] = now;
    const auto passed = [&](const std::map<std::string, Tried>& steps) {
        const auto at = steps.find(wish.service);
        return at != steps.end() && at->second == now;
    };
    if (!passed(verified_) || !passed(reproduced_)) {
        context_.trace.breach("verified", "{} activates {} for {} without its own steps", name_,
                              digest, wish.service);
    }
    const Model* model = context_.models.find(digest);
    const Status verdict =
        model ? Models::judge(*model, wish.policy_text) : not_found("no such model");
    if (!verdict.ok() || !model->golden) {
        context_.trace.breach("verified", "{} activates {} for {}, which is bad: {}", name_, digest,
                              wish.service,
                              verdict.ok() ? "its golden samples differ" : verdict.message());
    }
    const Status residency = node::check_residency(wish, jurisdiction_);
    if (!residency.ok()) {
        context_.trace.breach("residency", "{} activates what may not lie there: {}", name_,
                              residency.message());
    }
}

void NodeChecks::settles(const node::Brain& brain) {
    for (const auto& [service, before] : expected_) {
        context_.trace.checked();
        if (answered_.contains(service) || !brain.followed()) continue;
        const auto wish = brain.followed()->wishes.find(service);
        if (wish == brain.followed()->wishes.end()) continue;
        if (!node::check_residency(wish->second, jurisdiction_).ok()) continue;
        context_.trace.breach("static stability",
                              "{} answered {} for {} before it restarted, and does not since",
                              name_, before.digest, service);
    }
}

void NodeChecks::idles(const node::Brain& brain,
                       const std::map<std::string, std::string>& answers) {
    for (const auto& [service, digest] : answers) {
        context_.trace.checked();
        if (!brain.followed()) continue;
        const auto wish = brain.followed()->wishes.find(service);
        if (wish == brain.followed()->wishes.end()) {
            context_.trace.breach("orders", "{} answers for {}, which it is not ordered to run",
                                  name_, service);
        } else if (!node::check_residency(wish->second, jurisdiction_).ok()) {
            context_.trace.breach("residency", "{} answers for {}, which may not lie there", name_,
                                  service);
        }
    }
}

void NodeChecks::acknowledged(std::uint64_t sequence) {
    context_.trace.checked();
    if (delivered_.contains(sequence)) return;
    context_.trace.breach("outbox", "{} takes event {} for told, which nobody got", name_,
                          sequence);
}

void NodeChecks::account(const node::MailAccount& account) {
    context_.trace.checked();
    const node::OutboxAccount& outbox = account.outbox;
    const std::uint64_t ended = outbox.acknowledged + outbox.dropped_in_all() + outbox.expired;
    if (outbox.accepted != ended + account.waiting || outbox.accepted < kept_) {
        context_.trace.breach(
            "outbox",
            "{}: {} accepted ({} known to be), {} acknowledged, {} dropped, {} expired, {} wait",
            name_, outbox.accepted, kept_, outbox.acknowledged, outbox.dropped_in_all(),
            outbox.expired, account.waiting);
    }
}

void NodeChecks::all_said(const node::MailAccount& account_now) {
    account(account_now);
    const node::OutboxAccount& outbox = account_now.outbox;
    if (delivered_.size() + outbox.dropped_in_all() + outbox.expired >= kept_) return;
    context_.trace.breach("outbox", "{}: {} events were kept, {} of them delivered", name_, kept_,
                          delivered_.size());
}

}  // namespace hf::sim
