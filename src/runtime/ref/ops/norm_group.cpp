// Normalisation over groups of channels, over given axes, and by the root mean square.
// Accumulation is in double.

#include <cmath>
#include <map>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Outputs group_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<double> scale = HF_TRY(to_doubles(HF_TRY(need_input(context, 1))));
    const std::vector<double> bias = HF_TRY(to_doubles(HF_TRY(need_input(context, 2))));
    const std::int64_t groups = context.node.int_or("num_groups", 0);
    if (input.shape().rank() < 3) return invalid_argument("want [N, C, spatial...]");
    const AxisSplit split = split_at(input.shape(), 1);
    if (groups < 1 || split.extent % groups != 0) {
        return invalid_argument("{} channels in {} groups", split.extent, groups);
    }
    // Opset 18 had one scale a group, opset 21 one a channel.
    const std::int64_t wanted = context.node.opset < 21 ? groups : split.extent;
    if (static_cast<std::int64_t>(scale.size()) != wanted || bias.size() != scale.size()) {
        return invalid_argument("{} scales and {} biases, want {}", scale.size(), bias.size(),
                                wanted);
    }
    const double epsilon = double{context.node.float_or("epsilon", 1e-5f)};
    std::vector<double> values = HF_TRY(to_doubles(input));
    const auto lane = static_cast<std::size_t>(split.extent / groups * split.inner);
    for (std::size_t start = 0; lane > 0 && start < values.size(); start += lane) {
        const std::span<double> part = std::span(values).subspan(start, lane);
        double mean = 0, variance = 0;
        for (double x : part) mean += x / static_cast<double>(lane);
        for (double x : part) variance += (x - mean) * (x - mean) / static_cast<double>(lane);
        const double factor = 1 / std::sqrt(variance + epsilon);
        for (std::size_t i = 0; i < lane; ++i) {
            const auto channel = static_cast<std::int64_t>(start + i) / split.inner % split.extent;
            const auto parameter = static_cast<std::size_t>(channel / (split.extent / wanted));
            part[i] = (part[i] - mean) * factor * scale[parameter] + bias[parameter];
        }
    }
    const Tensor out = Tensor::of<double>(DType::kF64, input.shape(), values);
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

// With one scale an element of the axes from `axis` on, or what broadcasts to them.
Outputs rms_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor scale = HF_TRY(need_input(context, 1));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", -1), input.shape().rank()));
    const double epsilon = double{context.node.float_or("epsilon", 1e-5f)};
    const AxisSplit split = split_at(input.shape(), axis);
    const auto lane = static_cast<std::size_t>(split.extent * split.inner);
    const std::vector<double> factors = HF_TRY(to_doubles(HF_TRY(expand_to(scale, input.shape()))));
    std::vector<double> values = HF_TRY(to_doubles(input));
    for (std::size_t start = 0; lane > 0 && start < values.size(); start += lane) {
        double squares = 0;
        for (std::size_t i = start; i < start + lane; ++i) squares += values[i] * values[i];
        const double root = std::sqrt(squares / static_cast<double>(lane) + epsilon);
        for (std::size_t i = start; i < start + lane; ++i) values[i] *= factors[i] / root;
    }
    const Tensor out = Tensor::of<double>(DType::kF64, input.shape(), values);
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

Outputs mean_variance_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Shape& shape = input.shape();
    // The lane of an element: its coordinates along the axes that are kept.
    std::vector<std::int64_t> strides(shape.rank(), 0);
    std::vector<bool> gone(shape.rank(), false);
    for (std::int64_t axis : context.node.ints_or("axes", {0, 2, 3})) {
        gone[HF_TRY(normalize_axis(axis, shape.rank()))] = true;
    }
    std::int64_t lanes = 1;
    for (std::size_t i = shape.rank(); i-- > 0;) {
        if (gone[i]) continue;
        strides[i] = lanes;
        lanes *= shape[i];
    }
    std::vector<double> values = HF_TRY(to_doubles(input));
    if (values.empty()) return one(input);
    const double count = static_cast<double>(input.elements() / lanes);
    std::vector<double> mean(static_cast<std::size_t>(lanes), 0), squares = mean;
    std::vector<std::int64_t> at(shape.rank(), 0);
    for (double x : values) {
        const auto lane = static_cast<std::size_t>(dot(at, strides));
        mean[lane] += x / count;
        squares[lane] += x * x / count;
        next_coordinate(shape, at);
    }
    // The standard's function divides by the deviation, plus this to keep it from zero.
    constexpr double kEpsilon = 1e-9;
    for (double& x : values) {
        const auto lane = static_cast<std::size_t>(dot(at, strides));
        const double variance = squares[lane] - mean[lane] * mean[lane];
        x = (x - mean[lane]) / (std::sqrt(std::max(variance, 0.0)) + kEpsilon);
        next_coordinate(shape, at);
    }
    const Tensor out = Tensor::of<double>(DType::kF64, shape, values);
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

}  // namespace

std::vector<OpRow> norm_group_rows() {
    return {{"", "GroupNormalization", group_normalization},
            {"", "RMSNormalization", rms_normalization},
            // As ONNX Runtime's tools write it, into ONNX's own domain.
            {"", "SimplifiedLayerNormalization", rms_normalization},
            {"", "MeanVarianceNormalization", mean_variance_normalization}};
}

}  // namespace hf::runtime::ref
