// From a graph to a Plan: lowering node by node, then places for every value: inputs and outputs in
// the caller's tensors, constants and packed weights in one block, the rest in one arena planned
// over lifetimes, in place where a kernel allows it.
//
// Pure. Thread-safe.

#pragma once

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/cpu/plan.h"
#include "runtime/cpu/weight_pool.h"

namespace hf::runtime::cpu {

// No plan's weights are larger.
inline constexpr std::uint64_t kMaxWeightBytes = std::uint64_t{16} << 30;

// UNIMPLEMENTED when the graph is not for this device: subgraphs, sequences, strings, types or
// shapes that are not known, operators that not even the reference device has. Fills the report's
// nodes and sizes. Weights go into the pool while it has room; null: the plan has its own.
Result<Plan> build_plan(const graph::Graph& graph, const CompileOptions& options,
                        CompileReport& report, std::shared_ptr<WeightPool> pool = nullptr);

}  // namespace hf::runtime::cpu
