// NumPy's .npy format, versions 1 to 3 (numpy/lib/format.py): reading of C- and Fortran-ordered
// arrays, writing of version 1 in C order. Strings ('|S', '<U') become string tensors; big-endian
// and object arrays are refused.

#pragma once

#include "base/bytes.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf {

// INVALID_ARGUMENT says what is wrong with the header; DATA_LOSS when the data is shorter than the
// shape.
Result<Tensor> parse_npy(ByteView bytes);

// REQUIRES: not bfloat16, which NumPy does not have (UNIMPLEMENTED).
Result<Bytes> write_npy(const Tensor& tensor);

}  // namespace hf
