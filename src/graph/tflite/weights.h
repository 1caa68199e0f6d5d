// Where the buffers of a TFLite file lie: see graph/weights.h.

#pragma once

#include "graph/weights.h"

namespace hf::graph::tflite {

// Nothing of a malformed file, and of models larger than 2 GiB, whose buffers lie elsewhere.
std::vector<WeightPlace> find_weights(ByteView file);

}  // namespace hf::graph::tflite
