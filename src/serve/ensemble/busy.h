// How long something of several ran, when some of them ran at the same time. Pure.

#pragma once

#include <span>

#include "base/time.h"

namespace hf::serve::ensemble {

struct Span {
    Duration from{};
    Duration to{};
};

// The time in at least one of them.
Duration time_covered(std::span<const Span> spans);

}  // namespace hf::serve::ensemble
