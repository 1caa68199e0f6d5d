// The reference device: evaluates a graph node by node with dynamic shapes, by the functions of
// op.h. Tensors are freed after their last use. Bounded: kMaxLiveBytes of tensors at a time,
// kMaxLoopTrips in a loop, kMaxSequenceLength tensors in a sequence.
//
// Thread-safety: ReferenceModel is immutable; a session is used by one thread at a time.

#pragma once

#include <memory>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/model.h"
#include "runtime/ref/op.h"

namespace hf::runtime::ref {

inline constexpr std::uint64_t kMaxLiveBytes = std::uint64_t{8} << 30;
inline constexpr std::int64_t kMaxLoopTrips = 1'000'000;
inline constexpr std::size_t kMaxSequenceLength = 65'536;

// UNIMPLEMENTED names the first node whose operator the reference does not have, or the input or
// output that is no tensor: sessions take and give tensors only.
Result<std::shared_ptr<const CompiledModel>> compile_reference(graph::Graph graph);

// One node by itself, without captures, from tensors to tensors: for constant folding.
Result<std::vector<Tensor>> evaluate_node(const graph::Graph& graph, const graph::Node& node,
                                          std::span<const Tensor> inputs);

// All of a graph, from its inputs to its outputs.
Result<std::vector<Tensor>> evaluate_graph(const graph::Graph& graph,
                                           std::span<const Tensor> inputs);

// The same for graphs whose inputs and outputs need not be tensors.
Result<std::vector<Datum>> evaluate_data(const graph::Graph& graph, std::span<const Datum> inputs);

}  // namespace hf::runtime::ref
