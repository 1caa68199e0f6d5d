// ONNX quantisation with one scale a tensor or one a position of an axis.

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Scale and zero point for each element: one for all, or one a position of the axis.
struct Affine {
    std::vector<double> scales;
    std::vector<std::int64_t> zeros;
    AxisSplit split;

    std::size_t lane(std::size_t element) const {
        if (scales.size() == 1) return 0;
        return static_cast<std::size_t>(static_cast<std::int64_t>(element) / split.inner %
                                        split.extent);
    }
};

Result<Affine> read_affine(const OpContext& context, const Shape& shape) {
    Affine affine;
    affine.scales = HF_TRY(to_doubles(HF_TRY(need_input(context, 1))));
    affine.zeros.assign(affine.scales.size(), 0);
    if (const Tensor* zero = context.input(2)) affine.zeros = HF_TRY(to_int64s(*zero));
    if (affine.zeros.size() != affine.scales.size())
        return invalid_argument("scales and zero points differ in count");
    if (affine.scales.size() == 1) return affine;
    const std::size_t axis = HF_TRY(normalize_axis(context.node.int_or("axis", 1), shape.rank()));
    affine.split = split_at(shape, axis);
    if (static_cast<std::int64_t>(affine.scales.size()) != affine.split.extent) {
        return invalid_argument("{} scales for axis of {}", affine.scales.size(),
                                affine.split.extent);
    }
    return affine;
}

template <typename T>
T saturate(double x) {
    const double low = static_cast<double>(std::numeric_limits<T>::lowest());
    const double high = static_cast<double>(std::numeric_limits<T>::max());
    return static_cast<T>(std::clamp(x, low, high));
}

Outputs quantize_linear(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Affine affine = HF_TRY(read_affine(context, input.shape()));
    const std::vector<double> x = HF_TRY(to_doubles(input));
    const DType type = context.input(2) ? context.input(2)->dtype() : DType::kU8;
    Tensor out = HF_TRY(make_tensor(type, input.shape()));
    HF_TRY(visit_real(type, [&](auto zero) -> Status {
        using T = decltype(zero);
        for (std::size_t i = 0; i < x.size(); ++i) {
            const std::size_t lane = affine.lane(i);
            // In single precision, as the standard's own cases were computed.
            const float ratio = static_cast<float>(x[i]) / static_cast<float>(affine.scales[lane]);
            const double stored = std::nearbyint(ratio) + static_cast<double>(affine.zeros[lane]);
            out.mutable_values<T>()[i] = saturate<T>(stored);
        }
        return {};
    }));
    return one(std::move(out));
}

Outputs dequantize_linear(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Affine affine = HF_TRY(read_affine(context, input.shape()));
    const std::vector<std::int64_t> x = HF_TRY(to_int64s(input));
    Tensor out = HF_TRY(make_tensor(DType::kF32, input.shape()));
    for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t lane = affine.lane(i);
        out.mutable_values<float>()[i] =
            static_cast<float>(x[i] - affine.zeros[lane]) * static_cast<float>(affine.scales[lane]);
    }
    return one(HF_TRY(cast_tensor(out, context.inputs[1].dtype())));
}

Outputs dynamic_quantize(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.dtype() != DType::kF32) return invalid_argument("want f32");
    float low = 0, high = 0;
    for (float x : input.values<float>()) {
        low = std::min(low, x);
        high = std::max(high, x);
    }
    const float scale = (high - low) / 255.0f;
    const float zero = scale == 0 ? 0 : std::clamp(std::nearbyint(-low / scale), 0.0f, 255.0f);
    Tensor out(DType::kU8, input.shape());
    for (std::size_t i = 0; i < static_cast<std::size_t>(input.elements()); ++i) {
        const float ratio = scale == 0 ? 0 : std::nearbyint(input.values<float>()[i] / scale);
        out.mutable_bytes()[i] = static_cast<std::uint8_t>(std::clamp(ratio + zero, 0.0f, 255.0f));
    }
    const auto point = static_cast<std::uint8_t>(zero);
    std::vector<Tensor> outputs = one(std::move(out));
    outputs.push_back(Tensor::of<float>(DType::kF32, {}, std::span(&scale, 1)));
    outputs.push_back(Tensor::of<std::uint8_t>(DType::kU8, {}, std::span(&point, 1)));
    return outputs;
}

}  // namespace

std::vector<OpRow> quantize_rows() {
    return {{"", "QuantizeLinear", quantize_linear},
            {"", "DequantizeLinear", dequantize_linear},
            {"com.microsoft", "QuantizeLinear", quantize_linear},
            {"com.microsoft", "DequantizeLinear", dequantize_linear},
            {"", "DynamicQuantizeLinear", dynamic_quantize}};
}

}  // namespace hf::runtime::ref
