// What several passes ask about operators. Internal to passes.

#pragma once

#include "graph/graph.h"

namespace hf::passes {

inline bool is_onnx(const graph::Node& node, std::string_view op) {
    return node.domain.empty() && node.op == op;
}

inline bool is_hf(const graph::Node& node, std::string_view op) {
    return node.domain == "hf" && node.op == op;
}

// Whether two runs on the same inputs may differ: operators that draw random numbers.
bool is_random(const graph::Node& node);

bool has_body(const graph::Node& node);

// Elementwise operators of one input: the output depends, element by element, on that alone.
// Parameters in further inputs are scalars.
bool is_unary_elementwise(const graph::Node& node);

// Elementwise operators of two inputs that are broadcast together (from opset 7 on).
bool is_binary_elementwise(const graph::Node& node);

}  // namespace hf::passes
