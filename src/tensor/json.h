// Tensors as JSON arrays, flat or nested, row-major. JSON has no NaN or infinity: they are written
// as null and read back as NaN.

#pragma once

#include "base/json.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf {

// Numbers must fit the type exactly enough: integers in range and whole; floats round.
// INVALID_ARGUMENT names the element. A nested array must have the shape's form; a flat one its
// number of elements.
Result<Tensor> tensor_from_json(const json::Value& data, DType dtype, const Shape& shape);

// The extents of a nested array, by its first elements: [[1,2,3],[4,5,6]] is 2x3.
Shape shape_of_json(const json::Value& data);

// Flat array of numbers, bools or strings. UNIMPLEMENTED for complex numbers.
Result<json::Array> tensor_to_json(const Tensor& tensor);

}  // namespace hf
