// From an imported model to the f32 graph that is quantised: ONNX operators of one opset,
// constants and shapes folded, batch norms and sums by channel in the layers before them. It
// computes what the model computes and can leave as standard ONNX.

#pragma once

#include "base/status.h"
#include "graph/graph.h"
#include "passes/pass.h"

namespace hf::passes {

// FAILED_PRECONDITION for a model that has integers in it already; UNIMPLEMENTED names the node
// that ONNX has no word for.
Status prepare_to_quantize(graph::Graph& graph, const PassContext& context);

// The same graph with extents of inputs that are open taken as 1 and shapes inferred: values and
// nodes keep their numbers.
Result<graph::Graph> with_closed_inputs(graph::Graph graph);

// Part of the preparation: sums by channel behind a Conv. True when there were any.
bool absorb_bias(graph::Graph& graph);

}  // namespace hf::passes
