#include "tensor/dtype.h"

#include <array>

namespace hf {
namespace {

struct Row {
    DType dtype;
    std::size_t size;
    std::string_view name;
    std::string_view oip;
};
constexpr std::array<Row, 16> kRows{{
    {DType::kF32, 4, "f32", "FP32"},
    {DType::kF64, 8, "f64", "FP64"},
    {DType::kF16, 2, "f16", "FP16"},
    {DType::kBF16, 2, "bf16", "BF16"},
    {DType::kI8, 1, "i8", "INT8"},
    {DType::kI16, 2, "i16", "INT16"},
    {DType::kI32, 4, "i32", "INT32"},
    {DType::kI64, 8, "i64", "INT64"},
    {DType::kU8, 1, "u8", "UINT8"},
    {DType::kU16, 2, "u16", "UINT16"},
    {DType::kU32, 4, "u32", "UINT32"},
    {DType::kU64, 8, "u64", "UINT64"},
    {DType::kBool, 1, "bool", "BOOL"},
    {DType::kString, 0, "string", "BYTES"},
    {DType::kC64, 8, "c64", ""},
    {DType::kC128, 16, "c128", ""},
}};

const Row& row(DType dtype) {
    const auto index = static_cast<std::size_t>(dtype) - 1;
    HF_CHECK(index < kRows.size(), "dtype {}", static_cast<int>(dtype));
    return kRows[index];
}

}  // namespace

std::size_t dtype_size(DType dtype) {
    return row(dtype).size;
}
std::string_view dtype_name(DType dtype) {
    return row(dtype).name;
}
std::string_view oip_name(DType dtype) {
    return row(dtype).oip;
}

Result<DType> parse_dtype(std::string_view name) {
    for (const Row& candidate : kRows) {
        if (candidate.name == name) return candidate.dtype;
    }
    return invalid_argument("'{}' is not an element type such as f32, i8 or string", name);
}

Result<DType> parse_oip_dtype(std::string_view name) {
    for (const Row& candidate : kRows) {
        if (!candidate.oip.empty() && candidate.oip == name) return candidate.dtype;
    }
    return invalid_argument("'{}' is not a datatype such as FP32, INT8 or BYTES", name);
}

bool is_float(DType dtype) {
    return dtype == DType::kF32 || dtype == DType::kF64 || dtype == DType::kF16 ||
           dtype == DType::kBF16;
}

bool is_integer(DType dtype) {
    return dtype >= DType::kI8 && dtype <= DType::kU64;
}

}  // namespace hf
