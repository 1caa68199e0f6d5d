// The layout of safetensors files (huggingface/safetensors, README, "Format"): the length of a JSON
// header, the header, the elements of all tensors. Only where each lies: see weights.h.

#pragma once

#include "graph/weights.h"

namespace hf::graph {

// Whether the length fits the file and a JSON object follows.
bool is_safetensors(ByteView file);

// Types that Holdfast does not have, and entries that are malformed, are left out.
std::vector<WeightPlace> find_safetensors_weights(ByteView file);

}  // namespace hf::graph
