// The families of operators that make up the reference table, in order. Internal to runtime/ref.

#pragma once

#include <vector>

#include "runtime/ref/op.h"

namespace hf::runtime::ref {

// Shapes, indices, elementwise arithmetic, logic, casts, reductions, control flow, sequences,
// text.
std::vector<OpRow> data_rows();

// Linear algebra, convolution, pooling, normalisation, recurrence, quantisation, trees, TFLite.
std::vector<OpRow> math_rows();

}  // namespace hf::runtime::ref
