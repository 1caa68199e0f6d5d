// How a service's life waits for its maintenance windows. Part of lifecycle.cpp, internal to this
// module. Pure.

#pragma once

#include <string_view>

#include "node/lifecycle.h"

namespace hf::node {

// The condition of a slot that waits.
inline constexpr std::string_view kWaitingForWindow = "WaitingForWindow";

bool may_go_on(const State& state, const Slot& slot, Step step, Instant now);

// Waits with that step, and tells until when, once.
Actions wait_for_window(const State& state, Slot& slot, Step step, Instant now);

}  // namespace hf::node
