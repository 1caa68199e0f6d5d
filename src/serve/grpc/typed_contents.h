// InferTensorContents: a tensor's elements as repeated fields of Protocol Buffers, one field for a
// family of types: bool_contents, int_contents (INT8 to INT32), int64_contents, uint_contents,
// uint64_contents, fp32_contents, fp64_contents, bytes_contents. Pure functions.

#pragma once

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::serve::grpc {

bool has_typed_form(DType dtype);  // not FP16, not BF16

// INVALID_ARGUMENT when the contents are not exactly one tensor of this type and shape.
Result<Tensor> read_typed(ByteView contents, DType dtype, const Shape& shape);

// REQUIRES: has_typed_form().
std::string write_typed(const Tensor& tensor);

}  // namespace hf::serve::grpc
