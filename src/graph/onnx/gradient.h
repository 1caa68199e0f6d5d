// Gradient (ai.onnx.preview.training) names values of its graph and asks for derivatives between
// them. A graph of ours computes them instead: reverse-mode differentiation, written out as nodes.
// Pure.

#pragma once

#include "graph/graph.h"

namespace hf::graph::onnx {

// Replaces every Gradient whose way from `y` back to `xs` consists of Add, Sub, Mul, Neg and
// Identity between tensors of one known shape, four at most. Others stay, and no device has the
// operator.
void unfold_gradients(Graph& graph);

}  // namespace hf::graph::onnx
