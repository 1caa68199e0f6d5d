// ONNX TypeProto: what a value is. Tensors, sequences of them, optionals of either, maps to
// either numbers or strings, whose key type is not read. Like all of wire.h's readers it throws
// std::exception on malformed bytes, which the importer catches.

#pragma once

#include <optional>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph::onnx {

struct TypeInfo {
    ValueKind kind = ValueKind::kTensor;
    std::optional<DType> dtype;  // of the tensor, or of the tensors inside
    std::optional<Shape> shape;
};

// UNIMPLEMENTED for element types that Holdfast lacks and for what nests deeper than ValueKind.
Result<TypeInfo> read_type(ByteView bytes);

}  // namespace hf::graph::onnx
