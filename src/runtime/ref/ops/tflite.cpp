#include "runtime/ref/ops/tflite.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hf::runtime::ref {
namespace {

const graph::Quantization* quantization_of(const OpContext& context, graph::ValueId id) {
    if (id == graph::kNoValue) return nullptr;
    const std::optional<graph::Quantization>& found = context.graph.value(id).quantization;
    return found ? &*found : nullptr;
}

Result<Affine8> affine_of(const OpContext& context, graph::ValueId id) {
    const graph::Quantization* found = quantization_of(context, id);
    if (!found || found->scales.size() != 1) {
        return invalid_argument("'{}' needs one quantisation scale and has {}",
                                id == graph::kNoValue ? "?" : context.graph.value(id).name,
                                found ? found->scales.size() : 0);
    }
    return Affine8{found->scales[0], static_cast<std::int32_t>(found->zero_points[0])};
}

}  // namespace

Result<Affine8> input_affine(const OpContext& context, std::size_t index) {
    if (index >= context.node.inputs.size()) return invalid_argument("input {} is missing", index);
    return affine_of(context, context.node.inputs[index]);
}

Result<Affine8> output_affine(const OpContext& context) {
    return affine_of(context, context.node.outputs.at(0));
}

Result<std::vector<float>> input_scales(const OpContext& context, std::size_t index,
                                        std::size_t axis) {
    if (index >= context.node.inputs.size()) return invalid_argument("input {} is missing", index);
    const graph::Quantization* found = quantization_of(context, context.node.inputs[index]);
    if (!found) return invalid_argument("input {} has no quantisation", index);
    if (found->scales.size() > 1 && found->axis != axis) {
        return invalid_argument("input {} is quantised along axis {}, want {}", index, found->axis,
                                axis);
    }
    return found->scales;
}

Result<Bounds> quantized_bounds(const std::string& activation, const Affine8& output, DType dtype) {
    const RealBounds real = HF_TRY(real_bounds(activation));
    const Bounds type = type_bounds(dtype);
    const auto stored = [&](float value) -> std::int32_t {
        const double rounded = std::round(value / output.scale) + static_cast<double>(output.zero);
        return static_cast<std::int32_t>(std::clamp<double>(rounded, type.low, type.high));
    };
    return Bounds{std::isinf(real.low) ? type.low : stored(real.low),
                  std::isinf(real.high) ? type.high : stored(real.high)};
}

Result<RealBounds> real_bounds(const std::string& activation) {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    if (activation == "NONE") return RealBounds{-kInfinity, kInfinity};
    if (activation == "RELU") return RealBounds{0, kInfinity};
    if (activation == "RELU6") return RealBounds{0, 6};
    if (activation == "RELU_N1_TO_1") return RealBounds{-1, 1};
    return unimplemented("fused activation {}", activation);
}

std::string fused_activation(const OpContext& context) {
    return context.node.string_or("fused_activation", "NONE");
}

Result<std::vector<std::int32_t>> centered(const Tensor& tensor, std::int32_t zero) {
    if (!is_quantized(tensor)) {
        return invalid_argument("want i8 or u8, got {}", dtype_name(tensor.dtype()));
    }
    std::vector<std::int32_t> values(tensor.bytes().begin(), tensor.bytes().end());
    for (std::int32_t& value : values) {
        if (tensor.dtype() == DType::kI8) value = static_cast<std::int8_t>(value);
        value -= zero;
    }
    return values;
}

Result<DType> output_dtype(const OpContext& context) {
    const std::optional<DType>& dtype = context.graph.value(context.node.outputs.at(0)).dtype;
    if (!dtype) return invalid_argument("the type of the output is not known");
    return *dtype;
}

Outputs declared(const OpContext& context, Tensor tensor) {
    const graph::Value& value = context.graph.value(context.node.outputs.at(0));
    if ((value.dtype && *value.dtype != tensor.dtype()) ||
        (value.shape && value.shape->is_known() && *value.shape != tensor.shape())) {
        return invalid_argument("the output is {}[{}] and the file declares {}[{}]",
                                dtype_name(tensor.dtype()), tensor.shape().to_string(),
                                dtype_name(value.dtype.value_or(tensor.dtype())),
                                value.shape.value_or(Shape()).to_string());
    }
    return one(std::move(tensor));
}

Status unsupported_types(const OpContext& context) {
    std::string types;
    for (const Tensor& input : context.inputs) {
        if (!input.is_null()) types += fmt::format(" {}", dtype_name(input.dtype()));
    }
    return unimplemented("inputs of types{}; want all f32, or quantised i8 or u8", types);
}

Result<Span1> window_span(const Window1& w, const std::string& padding) {
    constexpr std::int64_t kMax = 1 << 20;
    const auto within = [](std::int64_t x) { return x >= 1 && x <= kMax; };
    if (!within(w.extent) || !within(w.kernel) || !within(w.stride) || !within(w.dilation)) {
        return invalid_argument("extent {}, kernel {}, stride {} or dilation {} is out of range",
                                w.extent, w.kernel, w.stride, w.dilation);
    }
    const std::int64_t reach = (w.kernel - 1) * w.dilation + 1;
    Span1 span;
    if (padding == "SAME") {
        span.count = (w.extent + w.stride - 1) / w.stride;
        span.before = std::max<std::int64_t>(0, (span.count - 1) * w.stride + reach - w.extent) / 2;
        return span;
    }
    if (reach > w.extent) {
        return invalid_argument("a kernel reaching over {} does not fit {}", reach, w.extent);
    }
    span.count = (w.extent - reach) / w.stride + 1;
    return span;
}

}  // namespace hf::runtime::ref
