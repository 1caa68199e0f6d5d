// Where model files keep their weights, as deltas between them want to know it.

#pragma once

#include <vector>

#include "vault/delta/align.h"

namespace hf::cli {

// Of an ONNX, TFLite or safetensors file; none of any other.
std::vector<vault::delta::Tensor> find_weight_tensors(ByteView file);

}  // namespace hf::cli
