// ONNX TensorProto, SequenceProto and OptionalProto to Datum: the .pb files of the ONNX backend
// tests. No external data.

#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "graph/graph.h"
#include "tensor/datum.h"

namespace hf::graph::onnx {

// The bytes do not tell which of the three they are; the kind does.
Result<Datum> parse_datum_proto(ByteView bytes, ValueKind kind);

}  // namespace hf::graph::onnx
