// Running a graph on samples to see what its values are.

#pragma once

#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "passes/quantize/ranges.h"
#include "runtime/model.h"
#include "runtime/quantize/samples.h"

namespace hf::runtime {

// Values are asked for in groups of no more than this, so that a large network does not need all
// of its activations at once.
inline constexpr std::uint64_t kMaxObservedBytes = std::uint64_t{128} << 20;

// A graph of known input shapes for whichever device takes it.
Result<std::shared_ptr<const CompiledModel>> compile_to_measure(const graph::Graph& graph);

struct Observation {
    passes::CalibrationRule rule;
    const Samples& samples;
    const std::vector<std::size_t>& chosen;  // of the samples
};

// How each of `wanted` is stored, by ValueId; other entries mean nothing. INVALID_ARGUMENT names
// the sample and the value that is not finite. REQUIRES: shapes of `wanted` are known; f32.
Result<std::vector<passes::Stored>> observe_ranges(const graph::Graph& graph,
                                                   const std::vector<graph::ValueId>& wanted,
                                                   const Observation& observation);

}  // namespace hf::runtime
