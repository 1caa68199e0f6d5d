// ONNX TensorProto to Tensor. Every form that ONNX allows: raw bytes, the typed fields (narrow
// types packed into int32_data), and external data. Sizes are checked against the bytes that are
// there before anything is allocated.

#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/status.h"
#include "graph/load.h"
#include "tensor/tensor.h"

namespace hf::graph::onnx {

struct NamedTensor {
    std::string name;
    Tensor tensor;
};

// The ONNX element type number (1 FLOAT ... 16 BFLOAT16). UNIMPLEMENTED for others, by number.
Result<DType> dtype_of(std::int64_t element_type);
std::int64_t element_type_of(DType dtype);

Result<NamedTensor> parse_tensor_proto(ByteView bytes, const ExternalData& external_data);

// Without external data: as in the .pb files of the ONNX backend tests.
Result<Tensor> parse_tensor_proto(ByteView bytes);

}  // namespace hf::graph::onnx
