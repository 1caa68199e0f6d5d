#include "node/lifecycle_windows.h"

#include <algorithm>

#include "node/lifecycle_words.h"

namespace hf::node {
namespace {

// Whether the step changes what runs here, and so must wait for a window. What may not lie here is
// found when resolving, and waits for nothing.
bool needs_window(const Slot& slot, Step step) {
    if (slot.falling_back || slot.digest == slot.active_digest) return false;
    if (slot.digest == slot.answered.digest) return false;
    return step >= (slot.wish.download_ahead ? Step::kCompile : Step::kPull);
}

// What is waited for, in words.
std::string opening_words(const State& state, const Slot& slot, Instant now) {
    if (const auto opens = api::next_opening(slot.wish.windows, state.time_zones, now)) {
        return "the next maintenance window opens at " + format_rfc3339(*opens);
    }
    return fmt::format(
        "this machine does not know the time zone '{}': install tzdata here, or say "
        "utcOffsetMinutes instead",
        api::unknown_time_zone(slot.wish.windows, state.time_zones));
}

// At the opening; but soon at the latest, since clocks jump and time zones are installed.
Instant look_again(const State& state, const Slot& slot, Instant now) {
    const auto opens = api::next_opening(slot.wish.windows, state.time_zones, now);
    return std::min(opens.value_or(now + kRetryMost), now + kRetryMost);
}

}  // namespace

bool may_go_on(const State& state, const Slot& slot, Step step, Instant now) {
    return !needs_window(slot, step) || api::window_open(slot.wish.windows, state.time_zones, now);
}

Actions wait_for_window(const State& state, Slot& slot, Step step, Instant now) {
    slot.waiting = step;
    slot.look_at = look_again(state, slot, now);
    const std::string words = opening_words(state, slot, now);
    const Condition* before = slot.condition(kWaitingForWindow);
    if (before && before->message == words) return {};
    set_condition(slot, {std::string(kWaitingForWindow), true, "WindowClosed", words, now});
    set_ready(slot, now);
    return {event(slot, false, kWaitingForWindow, fmt::format("{} waits: {}", slot.digest, words)),
            report(slot)};
}

}  // namespace hf::node
