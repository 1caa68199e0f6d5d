// Where a model file keeps its weights: the bytes of each tensor's elements, for tools that treat
// weights as numbers without running them (deltas between versions).
//
// A hint and no verdict: what is malformed or unknown has no places, and an importer says why.
// Pure; thread-safe. Names are the file's own and may repeat.

#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "tensor/dtype.h"

namespace hf::graph {

struct WeightPlace {
    std::string name;
    std::uint64_t offset = 0;  // in the file
    std::uint64_t size = 0;    // bytes, a multiple of the type's size
    DType dtype = DType::kF32;

    friend bool operator==(const WeightPlace&, const WeightPlace&) = default;
};

// Of an ONNX, TFLite or safetensors file: in the order of their offsets, not empty, inside the file
// and apart. Data that several tensors share is named once; external data is another file's.
std::vector<WeightPlace> find_weights(ByteView file);

}  // namespace hf::graph
