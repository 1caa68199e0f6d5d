// Apart from tensor_proto.cpp: operators ask for types by their ONNX numbers in programs that read
// no ONNX files.

#include <array>

#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

constexpr std::array<DType, 17> kTypes{
    DType{},     DType::kF32, DType::kU8,     DType::kI8,   DType::kU16, DType::kI16,
    DType::kI32, DType::kI64, DType::kString, DType::kBool, DType::kF16, DType::kF64,
    DType::kU32, DType::kU64, DType::kC64,    DType::kC128, DType::kBF16};

}  // namespace

Result<DType> dtype_of(std::int64_t element_type) {
    if (element_type < 1 || element_type >= static_cast<std::int64_t>(kTypes.size())) {
        return unimplemented("ONNX element type {} is not supported", element_type);
    }
    return kTypes[static_cast<std::size_t>(element_type)];
}

std::int64_t element_type_of(DType dtype) {
    for (std::size_t i = 1; i < kTypes.size(); ++i) {
        if (kTypes[i] == dtype) return static_cast<std::int64_t>(i);
    }
    return 0;
}

}  // namespace hf::graph::onnx
