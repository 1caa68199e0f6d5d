// Quantisation, ONNX's and com.microsoft's.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

std::optional<Shape> copy(const Shape* shape) {
    return shape ? std::optional<Shape>(*shape) : std::nullopt;
}

Status quantize_linear(Context& context) {
    const std::optional<DType> dtype = context.has_input(2) ? context.dtype(2) : DType::kU8;
    return context.set(0, dtype, copy(context.shape(0)));
}

Status dequantize_linear(Context& context) {
    return context.set(0, context.dtype(1), copy(context.shape(0)));
}

Status dynamic_quantize_linear(Context& context) {
    HF_TRY(context.set(0, DType::kU8, copy(context.shape(0))));
    HF_TRY(context.set(1, DType::kF32, Shape()));
    return context.set(2, DType::kU8, Shape());
}

// a, its scale and zero point, b, its scale and zero point, the output's.
Status qlinear_binary(Context& context) {
    if (!context.shape(0) || !context.shape(3)) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    return context.set(0, context.dtype(0),
                       HF_TRY(broadcast(*context.shape(0), *context.shape(3))));
}

// The output's scale and zero point, then those of each part behind it.
Status qlinear_concat(Context& context) {
    return context.set(0, context.dtype(2), std::nullopt);
}

}  // namespace

std::vector<Row> quantize_rows() {
    return {{"", "QuantizeLinear", quantize_linear},
            {"", "DequantizeLinear", dequantize_linear},
            {"", "DynamicQuantizeLinear", dynamic_quantize_linear},
            {"com.microsoft", "QuantizeLinear", quantize_linear},
            {"com.microsoft", "DequantizeLinear", dequantize_linear},
            {"com.microsoft", "QLinearSigmoid", same_as_input},
            {"com.microsoft", "QLinearLeakyRelu", same_as_input},
            {"com.microsoft", "QLinearConcat", qlinear_concat},
            {"com.microsoft", "QLinearAdd", qlinear_binary},
            {"com.microsoft", "QLinearMul", qlinear_binary}};
}

}  // namespace hf::graph::infer
