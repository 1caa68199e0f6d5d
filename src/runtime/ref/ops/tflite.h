// What the reference operators of the "tflite" domain share: the quantisation of a node's values,
// activation bounds, and typed access. The arithmetic is that of TensorFlow Lite's builtin integer
// kernels, bit by bit: 32-bit accumulators, kernels/fixed_point.h for every rescaling, saturation
// to the activation's range. Internal to runtime/ref.

#pragma once

#include <string>
#include <vector>

#include "kernels/fixed_point.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

// real = scale * (stored - zero).
struct Affine8 {
    float scale = 1;
    std::int32_t zero = 0;
};

// The per-tensor quantisation of an input or output. INVALID_ARGUMENT when it has none, or more
// than one scale.
Result<Affine8> input_affine(const OpContext& context, std::size_t index);
Result<Affine8> output_affine(const OpContext& context);

// Every scale of an input: one, or one a position of the axis that it is quantised along, which
// must be `axis`.
Result<std::vector<float>> input_scales(const OpContext& context, std::size_t index,
                                        std::size_t axis);

struct Bounds {
    std::int32_t low = 0;
    std::int32_t high = 0;

    // The byte of an i8 or u8 value, saturated.
    std::uint8_t stored(std::int64_t value) const {
        return static_cast<std::uint8_t>(value < low ? low : value > high ? high : value);
    }
};

// All that the type can hold. REQUIRES: i8 or u8.
inline Bounds type_bounds(DType dtype) {
    return dtype == DType::kU8 ? Bounds{0, 255} : Bounds{-128, 127};
}

// Where a stored output may lie after the node's fused activation. REQUIRES: dtype is i8 or u8.
Result<Bounds> quantized_bounds(const std::string& activation, const Affine8& output, DType dtype);

struct RealBounds {
    float low = 0;
    float high = 0;
};
Result<RealBounds> real_bounds(const std::string& activation);

// The node's "fused_activation".
std::string fused_activation(const OpContext& context);

inline bool is_quantized(const Tensor& tensor) {
    return tensor.dtype() == DType::kI8 || tensor.dtype() == DType::kU8;
}

// The elements of an i8 or u8 tensor, less the zero point.
Result<std::vector<std::int32_t>> centered(const Tensor& tensor, std::int32_t zero);

// The type that the file declares for the output.
Result<DType> output_dtype(const OpContext& context);

// As one(), after checking that the file declared this shape and type.
Outputs declared(const OpContext& context, Tensor tensor);

// UNIMPLEMENTED for a mixture of types: names both.
Status unsupported_types(const OpContext& context);

// How many output positions, and how much padding comes first.
struct Span1 {
    std::int64_t count = 0;
    std::int64_t before = 0;
};
struct Window1 {
    std::int64_t extent, kernel, stride, dilation;
};
Result<Span1> window_span(const Window1& window, const std::string& padding);

std::vector<OpRow> tflite_conv_rows();
std::vector<OpRow> tflite_pool_rows();
std::vector<OpRow> tflite_pointwise_rows();
std::vector<OpRow> tflite_quantize_rows();
std::vector<OpRow> tflite_shape_rows();

}  // namespace hf::runtime::ref
