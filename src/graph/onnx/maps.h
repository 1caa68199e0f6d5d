// The operators of ai.onnx.ml over maps, which only Python users see as something handy. A graph
// keeps their values as a tensor instead, one column a key: ZipMap's scores in the order of the
// labels, DictVectorizer's features in the order of its vocabulary, CastMap's in that of the keys.
// Pure.

#pragma once

#include "graph/graph.h"

namespace hf::graph::onnx {

// Makes every ZipMap and DictVectorizer an Identity and every CastMap a Cast. What was a map
// becomes a tensor of [?, keys]; the keys stand in metadata["classes.OUTPUT"] and in
// metadata["keys.INPUT"], joined by commas. Left as they are: maps of unknown value type, and
// CastMap from or to what is none of its types.
void take_maps_apart(Graph& graph);

}  // namespace hf::graph::onnx
