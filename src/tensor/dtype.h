// Element types of tensors, with their ONNX, Open Inference Protocol and NumPy names.

#pragma once

#include <cstddef>
#include <string_view>

#include "base/status.h"

namespace hf {

// Values are Holdfast's own and stable: they are written into plan files.
enum class DType : unsigned char {
    kF32 = 1,
    kF64 = 2,
    kF16 = 3,
    kBF16 = 4,
    kI8 = 5,
    kI16 = 6,
    kI32 = 7,
    kI64 = 8,
    kU8 = 9,
    kU16 = 10,
    kU32 = 11,
    kU64 = 12,
    kBool = 13,    // one byte, 0 or 1
    kString = 14,  // byte strings; no fixed size
    kC64 = 15,     // two f32: real, imaginary
    kC128 = 16,
};

// Bytes of one element; 0 for kString.
std::size_t dtype_size(DType dtype);

std::string_view dtype_name(DType dtype);  // "f32": the text form and messages
std::string_view oip_name(DType dtype);  // "FP32": Open Inference Protocol; empty when it has none

Result<DType> parse_dtype(std::string_view name);      // from dtype_name
Result<DType> parse_oip_dtype(std::string_view name);  // from oip_name

bool is_float(DType dtype);    // f16, bf16, f32, f64
bool is_integer(DType dtype);  // signed or unsigned; not bool

}  // namespace hf
