// Golden inputs and outputs for a model, made by the reference device from a seed.

#pragma once

#include "graph/graph.h"
#include "vault/golden.h"

namespace hf::cli {

inline constexpr std::uint64_t kGoldenSeed = 20261124;

// Random inputs; where the model refuses those (an index out of range, say), zeros. Unknown extents
// are 1. UNIMPLEMENTED when the reference device lacks an operator; it has none that draws random
// numbers, so equal inputs give equal outputs.
Result<vault::Golden> make_golden(graph::Graph graph, std::size_t samples, std::uint64_t seed);

}  // namespace hf::cli
