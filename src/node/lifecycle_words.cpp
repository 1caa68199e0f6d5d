#include "node/lifecycle_words.h"

namespace hf::node {
namespace {

bool is_refused_now(const Slot& slot) {
    const Condition* verified = slot.condition(condition_of(Step::kVerify));
    return verified && !verified->truth;
}

}  // namespace

void set_condition(Slot& slot, Condition next) {
    for (Condition& condition : slot.conditions) {
        if (condition.type != next.type) continue;
        if (condition.truth == next.truth) next.changed = condition.changed;
        condition = std::move(next);
        return;
    }
    slot.conditions.push_back(std::move(next));
}

void set_ready(Slot& slot, Instant now) {
    if (slot.active_digest.empty()) {
        set_condition(slot, {"Ready", false, "NotServing", "no version of the model answers", now});
    } else if (slot.active_digest == slot.digest && is_refused_now(slot)) {
        // Its policy changed since it was accepted.
        set_condition(slot,
                      {"Ready", true, "ServingRefused",
                       slot.active_digest + " still answers; the policy now refuses it", now});
    } else if (slot.active_digest == slot.digest) {
        set_condition(slot, {"Ready", true, "Serving", slot.active_digest + " answers", now});
    } else {
        set_condition(
            slot, {"Ready", true, "ServingPrevious", slot.active_digest + " still answers", now});
    }
}

Action report(const Slot& slot) {
    Action action;
    action.kind = Action::Kind::kReport;
    action.service = slot.wish.service;
    return action;
}

Action event(const Slot& slot, bool warning, std::string_view reason, std::string message) {
    Action action;
    action.kind = Action::Kind::kEvent;
    action.service = slot.wish.service;
    action.warning = warning;
    action.reason = std::string(reason);
    action.message = std::move(message);
    return action;
}

bool cascades_the_same(const Wish& a, const Wish& b) {
    if (a.cascade != b.cascade) return false;
    return a.cascade.empty() || (a.jurisdictions == b.jurisdictions && a.forbidden == b.forbidden);
}

Action cascade(const Wish& wish) {
    Action action;
    action.kind = Action::Kind::kCascade;
    action.service = wish.service;
    action.wish = wish;
    return action;
}

Action retire(const std::string& service) {
    Action action;
    action.kind = Action::Kind::kRetire;
    action.service = service;
    return action;
}

}  // namespace hf::node
