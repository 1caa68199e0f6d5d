// The layer of a model in which a guard measures distances when none is named.

#pragma once

#include <string>

#include "graph/graph.h"

namespace hf::cli {

// What the last product of the model takes (MatMul, Gemm, TFLite's FULLY_CONNECTED), going back
// from `output` (empty: the first) over operators with one input that is no constant. Empty: there
// is none, or it is an input of the model.
std::string layer_before_last_product(const graph::Graph& graph, const std::string& output);

}  // namespace hf::cli
