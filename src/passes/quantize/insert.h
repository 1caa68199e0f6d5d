// Writing int8 into a graph as ONNX does: QuantizeLinear and DequantizeLinear around the layers,
// weights as i8 with one scale an output channel, biases as i32 in units of exactly
// x_scale * w_scale in single precision. Other engines compute a layer in f32, and say nothing,
// when a bias has any other unit.

#pragma once

#include <vector>

#include "graph/graph.h"
#include "passes/quantize/layers.h"
#include "passes/quantize/ranges.h"

namespace hf::passes {

// `stored` is by ValueId; only the entries that Layers::range_of leads to are read.
// REQUIRES: `layers` was found in this graph or one with the same nodes and values; opset >= 13.
void insert_conversions(graph::Graph& graph, const Layers& layers, const Conversions& placed,
                        const std::vector<Stored>& stored);

}  // namespace hf::passes
