// What several passes ask about operators. Internal to passes.

#pragma once

#include "passes/editor.h"

namespace hf::passes {

inline bool is_onnx(const graph::Node& node, std::string_view op) {
    return node.domain.empty() && node.op == op;
}

inline bool is_hf(const graph::Node& node, std::string_view op) {
    return node.domain == "hf" && node.op == op;
}

// kNoValue where the node has none at this place.
inline graph::ValueId input(const graph::Node& node, std::size_t place) {
    return place < node.inputs.size() ? node.inputs[place] : graph::kNoValue;
}

// The node that makes the value, when it is this operator of ONNX; else nullptr.
const graph::Node* maker_of(const Editor& editor, graph::ValueId id, std::string_view op);

// The one f32 number that a constant holds.
std::optional<float> real_scalar(const Editor& editor, graph::ValueId id);

// A Clip's bound, the lower at place 1 and the upper at 2; `fallback` where it has none, nullopt
// where it is computed.
std::optional<float> clip_bound(const Editor& editor, const graph::Node& clip, std::size_t place,
                                float fallback);

// Whether two runs on the same inputs may differ: operators that draw random numbers.
bool is_random(const graph::Node& node);

bool has_body(const graph::Node& node);

// Elementwise operators of one input: the output depends, element by element, on that alone.
// Parameters in further inputs are scalars.
bool is_unary_elementwise(const graph::Node& node);

// Elementwise operators of two inputs that are broadcast together (from opset 7 on).
bool is_binary_elementwise(const graph::Node& node);

}  // namespace hf::passes
