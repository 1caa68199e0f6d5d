// Explain: what a plan says of one service, in sentences for people: where each replica stands and
// what made that machine the one, who was refused and why, what had to move, whom it asks.
//
// Pure: equal plans give equal text.

#pragma once

#include <string>
#include <string_view>

#include "control/place/cascade.h"
#include "control/place/plan.h"

namespace hf::control::place {

inline constexpr std::size_t kExplainedRowsMax = 20;  // of each list; the rest is counted

// NOT_FOUND when the plan has no such service.
Result<std::string> explain(const Plan& plan, const std::vector<CascadeLink>& links,
                            std::string_view service);

}  // namespace hf::control::place
