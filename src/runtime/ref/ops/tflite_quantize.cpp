// TFLite's QUANTIZE and DEQUANTIZE, and RELU, RELU6, LOGISTIC and SOFTMAX.

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {
namespace {

Outputs quantize(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Affine8 output = HF_TRY(output_affine(context));
    const DType dtype = HF_TRY(output_dtype(context));
    if (dtype != DType::kI8 && dtype != DType::kU8) return unsupported_types(context);
    const Bounds bounds = type_bounds(dtype);
    Tensor out = HF_TRY(make_tensor(dtype, input.shape()));
    std::uint8_t* to = out.mutable_bytes().data();
    if (input.dtype() == DType::kF32) {
        for (float value : input.values<float>()) {
            const double stored = std::round(value / output.scale) + double{1} * output.zero;
            // A NaN becomes the lowest value, as any comparison with it fails.
            *to++ = bounds.stored(static_cast<std::int64_t>(
                stored > bounds.low ? std::min<double>(stored, bounds.high) : bounds.low));
        }
        return declared(context, std::move(out));
    }
    if (!is_quantized(input)) return unsupported_types(context);
    const Affine8 from = HF_TRY(input_affine(context, 0));
    const kernels::FixedFactor factor =
        kernels::fixed_factor(double{from.scale} / double{output.scale});
    for (std::int32_t value : HF_TRY(centered(input, from.zero))) {
        *to++ = bounds.stored(std::int64_t{kernels::scale_by(value, factor)} + output.zero);
    }
    return declared(context, std::move(out));
}

Outputs dequantize(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) {
        return declared(context, HF_TRY(cast_tensor(input, DType::kF32)));
    }
    const auto& stored = context.graph.value(context.node.inputs[0]).quantization;
    if (!stored) return invalid_argument("the input has no quantisation");
    const std::vector<std::int64_t> x = HF_TRY(to_int64s(input));
    const bool one_scale = stored->scales.size() == 1;
    const AxisSplit split = one_scale ? AxisSplit{1, 1, 1} : split_at(input.shape(), stored->axis);
    Tensor out = HF_TRY(make_tensor(DType::kF32, input.shape()));
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto lane =
            static_cast<std::size_t>(static_cast<std::int64_t>(i) / split.inner % split.extent);
        out.mutable_values<float>()[i] = static_cast<float>(
            double{stored->scales[lane]} * static_cast<double>(x[i] - stored->zero_points[lane]));
    }
    return declared(context, std::move(out));
}

Outputs relu(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::string& activation = context.node.op;
    if (input.dtype() == DType::kF32) {
        const RealBounds bounds = HF_TRY(real_bounds(activation));
        Tensor out = HF_TRY(make_tensor(DType::kF32, input.shape()));
        std::transform(input.values<float>().begin(), input.values<float>().end(),
                       out.mutable_values<float>().begin(), [&](float value) {
                           return std::min(std::max(value, bounds.low), bounds.high);
                       });
        return declared(context, std::move(out));
    }
    if (!is_quantized(input)) return unsupported_types(context);
    const Affine8 from = HF_TRY(input_affine(context, 0));
    const Affine8 output = HF_TRY(output_affine(context));
    const Bounds bounds = HF_TRY(quantized_bounds(activation, output, input.dtype()));
    const kernels::FixedFactor factor =
        kernels::fixed_factor(double{from.scale} / double{output.scale});
    Tensor out = HF_TRY(make_tensor(input.dtype(), input.shape()));
    std::uint8_t* to = out.mutable_bytes().data();
    for (std::int32_t value : HF_TRY(centered(input, from.zero))) {
        *to++ = bounds.stored(std::int64_t{kernels::scale_by(value, factor)} + output.zero);
    }
    return declared(context, std::move(out));
}

// One result for each of the 256 stored values.
Outputs logistic(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.dtype() == DType::kF32) {
        Tensor out = HF_TRY(make_tensor(DType::kF32, input.shape()));
        std::transform(input.values<float>().begin(), input.values<float>().end(),
                       out.mutable_values<float>().begin(),
                       [](float value) { return 1.0f / (1.0f + std::exp(-value)); });
        return declared(context, std::move(out));
    }
    if (!is_quantized(input)) return unsupported_types(context);
    const Affine8 from = HF_TRY(input_affine(context, 0));
    const Affine8 output = HF_TRY(output_affine(context));
    const Bounds bounds = type_bounds(input.dtype());
    const float inverse = 1.0f / output.scale;
    Tensor out = HF_TRY(make_tensor(input.dtype(), input.shape()));
    std::uint8_t* to = out.mutable_bytes().data();
    for (std::int32_t value : HF_TRY(centered(input, from.zero))) {
        const float real = 1.0f / (1.0f + std::exp(-from.scale * static_cast<float>(value)));
        *to++ = bounds.stored(static_cast<std::int64_t>(std::round(real * inverse)) + output.zero);
    }
    return declared(context, std::move(out));
}

Outputs real_softmax(const OpContext& context, const AxisSplit& split) {
    const std::span<const float> x = context.inputs[0].values<float>();
    const float beta = context.node.float_or("beta", 1);
    Tensor out = HF_TRY(make_tensor(DType::kF32, context.inputs[0].shape()));
    const std::span<float> to = out.mutable_values<float>();
    const auto width = static_cast<std::size_t>(split.extent);
    for (std::size_t row = 0; row + width <= x.size() && width > 0; row += width) {
        const float largest =
            *std::max_element(x.begin() + static_cast<std::ptrdiff_t>(row),
                              x.begin() + static_cast<std::ptrdiff_t>(row + width));
        float sum = 0;
        for (std::size_t i = row; i < row + width; ++i) {
            to[i] = std::exp((x[i] - largest) * beta);
            sum += to[i];
        }
        for (std::size_t i = row; i < row + width; ++i) to[i] /= sum;
    }
    return declared(context, std::move(out));
}

// The exponentials of all 256 distances from the row's largest value come from a table in single
// precision; sums and quotients are single precision too, and that is what decides the last bit.
Outputs integer_softmax(const OpContext& context, const AxisSplit& split) {
    const Tensor& input = context.inputs[0];
    const float scale = HF_TRY(input_affine(context, 0)).scale;
    const Affine8 output = HF_TRY(output_affine(context));
    const DType dtype = HF_TRY(output_dtype(context));
    if (dtype != input.dtype()) return unsupported_types(context);
    std::array<float, 256> below_largest;
    const float step = -scale * context.node.float_or("beta", 1);
    for (std::size_t i = 0; i < below_largest.size(); ++i) {
        below_largest[i] = static_cast<float>(std::exp(double{step * static_cast<float>(i)}));
    }
    const auto x = HF_TRY(centered(input, 0));
    const Bounds bounds = type_bounds(dtype);
    Tensor out = HF_TRY(make_tensor(dtype, input.shape()));
    std::uint8_t* to = out.mutable_bytes().data();
    const auto width = static_cast<std::size_t>(split.extent);
    for (std::size_t row = 0; row + width <= x.size() && width > 0; row += width) {
        const std::span<const std::int32_t> stored(x.data() + row, width);
        const std::int32_t largest = *std::max_element(stored.begin(), stored.end());
        const auto exponential = [&](std::int32_t value) {
            return below_largest[static_cast<std::size_t>(largest - value)];
        };
        float sum = 0;
        for (std::int32_t value : stored) sum += exponential(value);
        const float inverse = 1.0f / (sum * output.scale);
        for (std::int32_t value : stored) {
            const float quotient = exponential(value) * inverse;
            *to++ = bounds.stored(static_cast<std::int64_t>(std::round(quotient)) + output.zero);
        }
    }
    return declared(context, std::move(out));
}

Outputs softmax(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.shape().rank() == 0) return invalid_argument("a softmax needs an axis");
    const AxisSplit split = split_at(input.shape(), input.shape().rank() - 1);
    if (input.dtype() == DType::kF32) return real_softmax(context, split);
    if (is_quantized(input)) return integer_softmax(context, split);
    return unsupported_types(context);
}

}  // namespace

std::vector<OpRow> tflite_quantize_rows() {
    return {{"tflite", "QUANTIZE", quantize}, {"tflite", "DEQUANTIZE", dequantize},
            {"tflite", "RELU", relu},         {"tflite", "RELU6", relu},
            {"tflite", "LOGISTIC", logistic}, {"tflite", "SOFTMAX", softmax}};
}

}  // namespace hf::runtime::ref
