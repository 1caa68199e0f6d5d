// The layout of safetensors files (huggingface/safetensors, README, "Format"): the length of a JSON
// header, the header, the elements of all tensors. Only where each lies: see graph/weights.h.

#pragma once

#include "graph/weights.h"

namespace hf::graph::safetensors {

// Whether the length fits the file and a JSON object follows.
bool looks_like_file(ByteView file);

// Types that Holdfast does not have, and entries that are malformed, are left out.
std::vector<WeightPlace> find_weights(ByteView file);

}  // namespace hf::graph::safetensors
