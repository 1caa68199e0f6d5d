// The two products of fp32 matrices that convolutions and dense layers are made of: in fp32, and
// with both sides rounded to bfloat16. Internal to runtime/cpu.

#pragma once

#include "kernels/simd/gemm_bf16.h"
#include "kernels/simd/gemm_f32.h"
#include "tensor/dtype.h"

namespace hf::runtime::cpu {

// A product's operands, but for what it needs of its own.
template <typename Weight>
struct ProductData {
    const float* in = nullptr;
    const Weight* packed = nullptr;
    const float* bias = nullptr;
    const float* residual = nullptr;
    float* out = nullptr;
};

struct ProductF32 {
    using Packed = float;
    static constexpr DType kPacked = DType::kF32;
    static constexpr double kCost = 1;
    static constexpr bool kScratch = false;

    static std::size_t packed_size(std::size_t columns, std::size_t depth) {
        return kernels::packed_size_f32(columns, depth);
    }
    static std::size_t scratch_bytes(const kernels::Windows&) { return 0; }
    static void run(const kernels::GemmF32& gemm, const ProductData<Packed>& d, void*) {
        kernels::gemm_f32(gemm, {d.in, d.packed, d.bias, d.residual, d.out});
    }
};

struct ProductBf16 {
    using Packed = std::uint16_t;
    static constexpr DType kPacked = DType::kBF16;
    static constexpr double kCost = 0.25;
    static constexpr bool kScratch = true;

    static std::size_t packed_size(std::size_t columns, std::size_t depth) {
        return kernels::packed_size_bf16(columns, depth);
    }
    static std::size_t scratch_bytes(const kernels::Windows& windows) {
        return kernels::left_bytes_bf16(windows);
    }
    static void run(const kernels::GemmF32& gemm, const ProductData<Packed>& d, void* scratch) {
        kernels::gemm_bf16(gemm, {d.in, d.packed, d.bias, d.residual, d.out, scratch});
    }
};

// Where a product's own scratch starts behind so many bytes of others.
inline std::size_t scratch_after(std::size_t bytes) {
    constexpr std::size_t kLine = 64;
    return (bytes + kLine - 1) / kLine * kLine;
}

// What both need together.
template <typename Product>
std::size_t product_scratch(std::size_t bytes, const kernels::Windows& windows) {
    return Product::kScratch ? scratch_after(bytes) + Product::scratch_bytes(windows) : bytes;
}

}  // namespace hf::runtime::cpu
