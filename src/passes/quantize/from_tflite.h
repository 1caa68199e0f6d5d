// f32 TFLite networks in ONNX's operators. Images are NCHW there: each one is turned when an
// operator needs it turned and keeps both forms, so that a chain of convolutions is turned once at
// its beginning and once at its end.

#pragma once

#include "base/status.h"
#include "graph/graph.h"

namespace hf::passes {

// Whether a node is of the domain "tflite".
bool has_tflite(const graph::Graph& graph);

// The same inputs and outputs by name, type and order. UNIMPLEMENTED names the node that is not in
// f32 or has no counterpart here. REQUIRES: all nodes are tflite; shapes are inferred.
Result<graph::Graph> from_tflite(const graph::Graph& graph);

}  // namespace hf::passes
