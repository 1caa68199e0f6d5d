// Tensors on the wire of the Open Inference Protocol: JSON data, and the binary tensor data
// extension (little- endian, row-major; BOOL one byte; each BYTES element a uint32 length and its
// bytes).

#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::serve {

// INVALID_ARGUMENT when the bytes are not exactly one tensor of this type and shape.
Result<Tensor> tensor_from_binary(ByteView bytes, DType dtype, const Shape& shape);

Bytes tensor_to_binary(const Tensor& tensor);

// How many bytes that gives.
std::size_t binary_size(const Tensor& tensor);

}  // namespace hf::serve
