// The fields of a cascade: what a Service's spec says of it, and what the order to a Node repeats.
// The defaults are here, so that an order and an explanation name the same ones. Pure.

#pragma once

#include <vector>

#include "api/field.h"

namespace hf::api {

inline constexpr std::int64_t kCascadeTimeoutMs = 1000;
inline constexpr std::int64_t kCascadeBudgetPercent = 20;

// Upstreams that one answer may go through, one after the other.
inline constexpr std::size_t kCascadeDepthMax = 3;

std::vector<Field> cascade_fields();

}  // namespace hf::api
