// Where the tensors of an ONNX file lie: initializers and the tensors of nodes' attributes, in raw
// and typed form; see graph/weights.h.

#pragma once

#include "graph/weights.h"

namespace hf::graph::onnx {

// Nothing of a malformed file. Bodies nested deeper than kMaxSubgraphDepth are left out.
std::vector<WeightPlace> find_weights(ByteView file);

}  // namespace hf::graph::onnx
