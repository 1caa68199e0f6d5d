// One opset for a whole graph: what was written for an older one, or by passes for another, is
// rewritten to mean the same, so that a graph can leave as one ONNX model that has
// QuantizeLinear by channel.

#pragma once

#include "base/status.h"
#include "graph/graph.h"

namespace hf::passes {

// The first with scales by channel.
inline constexpr std::int64_t kLeastQuantizedOpset = 13;

// Nodes of ai.onnx get the highest opset among them, at least kLeastQuantizedOpset. UNIMPLEMENTED
// names the node whose meaning would change in a way that is not known here.
// REQUIRES: shapes are inferred.
Status raise_opset(graph::Graph& graph);

}  // namespace hf::passes
