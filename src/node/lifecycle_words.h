// What a slot tells: its conditions, and the actions that do not act. For lifecycle.cpp alone.

#pragma once

#include "node/lifecycle.h"

namespace hf::node {

void set_condition(Slot& slot, Condition next);

// Whether the service answers, and by which version, as condition "Ready".
void set_ready(Slot& slot, Instant now);

Action report(const Slot& slot);
Action event(const Slot& slot, bool warning, std::string_view reason, std::string message);

// Whether the unsure answers of both go to the same place.
bool cascades_the_same(const Wish& a, const Wish& b);

Action cascade(const Wish& wish);
Action retire(const std::string& service);

}  // namespace hf::node
