// The invariants of a Graph, checked. Importers and passes end with it, so that devices may rely
// on:
//
//   - every identifier is in range; kNoValue stands only in the inputs and outputs of nodes;
//   - names are not empty, and those of values are unique in their graph;
//   - each value is defined exactly once: as graph input, capture, constant or output of one node;
//   - nodes are in topological order: what a node reads is defined before it;
//   - only tensors are constant or quantised; a constant has its value's dtype and shape; shapes
//   have at most Shape::kMaxRank axes and no
//     extent below -1;
//   - a quantisation has as many zero points as scales, finite scales, and one entry or as many as
//     the extent of its axis;
//   - attributes that ONNX's operators share by name have the type that ONNX gives them;
//   - what a body captures is found, by name, in an enclosing graph, defined before the node that
//     holds the body; the outermost graph captures nothing.
//
// Pure; INVALID_ARGUMENT names the node and the value.

#pragma once

#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph {

// Bodies of If, Loop and Scan may nest so deep.
inline constexpr int kMaxBodyDepth = 32;

Status verify(const Graph& graph);

}  // namespace hf::graph
