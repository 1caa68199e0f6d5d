// Quantised arithmetic that the integer operators share: what is stored less its zero point, exact
// products in 64 bits, and the way back to 8 bits. Internal to runtime/ref.

#pragma once

#include <vector>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// Which inputs of a node hold stored values and their zero point.
struct Stored {
    std::size_t values;
    std::size_t zero;
};

// As i64: integers of 8 or 16 bits less the zero point, of which there is none (null), one, or one
// a position of the axis. An axis beyond the rank means "one at most".
Result<Tensor> less_zero_point(const Tensor& stored, const Tensor* zero, std::size_t axis);

// Exact sums of products, as i64. The first is by the node's attributes of a convolution.
Result<Tensor> integer_convolution(const OpContext& context, Stored input, Stored weights);
Result<Tensor> integer_product(const OpContext& context, Stored left, Stored right);

// The matrix product of two tensors of one real type.
Result<Tensor> matrix_product(const Tensor& a, const Tensor& b);

// i64 to i32, modulo 2^32: what an accumulator of 32 bits holds.
Result<Tensor> wrap_to_i32(const Tensor& sums);

// f32 values of an input: scales. Refuses more or fewer than one, or one a position when
// `positions` is given.
Result<std::vector<float>> scales_of(const OpContext& context, std::size_t index,
                                     std::int64_t positions = 1);

// The type and the offset of a quantised output: those of input `zero`, or u8 and 0.
struct Target {
    DType dtype = DType::kU8;
    float scale = 1;
    std::int64_t zero = 0;
};
Result<Target> target_of(const OpContext& context, std::size_t scale, std::size_t zero);

// Rounds half to even, adds the zero point and saturates. REQUIRES: `dtype` is i8, u8, i16 or u16.
Result<Tensor> store(const std::vector<float>& scaled, const Shape& shape, const Target& target);

// scale * (stored - zero point) of three inputs beginning at `index`, of one scale.
Result<std::vector<float>> dequantized(const OpContext& context, std::size_t index);

}  // namespace hf::runtime::ref
