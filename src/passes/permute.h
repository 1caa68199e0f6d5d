// Shapes and tensors taken back through a Transpose. Internal to passes.

#pragma once

#include <vector>

#include "tensor/tensor.h"

namespace hf::passes {

// The shape that Transpose with `order` turns into `shape`.
Shape unpermuted(const Shape& shape, const std::vector<std::int64_t>& order);

// The same for a tensor that is broadcast: first its rank is made order.size() by leading ones.
// REQUIRES: rank at most order.size(), no strings.
Tensor unpermuted(const Tensor& tensor, const std::vector<std::int64_t>& order);

}  // namespace hf::passes
