// Context: what all parts of one simulated world share. REQUIRES: it outlives them.

#pragma once

#include "sim/demand.h"
#include "sim/models.h"
#include "sim/plant.h"
#include "sim/trace.h"

namespace hf::sim {

struct Context {
    Timeline time;
    Trace trace{time};
    Dice dice;
    Models models{dice};
    Demand demand;
    Plant plant = Plant::kNone;

    Context(std::uint64_t seed, Plant planted) : dice(seed), demand(seed), plant(planted) {}
};

}  // namespace hf::sim
