// The elements of tensors as JSON text, read and written in place, without a tree: the quick way
// beside json.h, whose values these are.
//
// Pure; from any thread.

#pragma once

#include <string>

#include "base/json_cursor.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf {

// Reads an array, flat or nested, into a tensor of that type and shape. False when it does not fit,
// or is not plain: then tensor_from_json() says what it is. REQUIRES: shape.check() passed.
bool read_tensor_text(JsonCursor& cursor, DType dtype, const Shape& shape, Tensor& tensor);

// Appends a flat array. Floats in the fewest digits that are read back as the same; NaN and
// infinities are null. UNIMPLEMENTED for complex numbers.
Status write_tensor_text(const Tensor& tensor, std::string& text);

// Appends the text in quotes, with what must be escaped.
void write_json_string(std::string_view from, std::string& text);

}  // namespace hf
