#include "runtime/cpu/ops/families.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "kernels/simd/elementwise_f32.h"
#include "kernels/simd/gemm_f32.h"
#include "runtime/cpu/steps/integer.h"

namespace hf::runtime::cpu {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Result<Clamp> clamp_named(const std::string& activation) {
    if (activation == "NONE") return no_clamp();
    if (activation == "RELU") return Clamp{0, kInfinity};
    if (activation == "RELU6") return Clamp{0, 6};
    if (activation == "RELU_N1_TO_1") return Clamp{-1, 1};
    return unimplemented("fused activation {}", activation);
}

// What is to be known of one channel's weights.
struct WeightSums {
    std::int32_t sum = 0;
    std::int64_t most = 0;  // the largest magnitude that a sum over int8 differences can reach
};

WeightSums weight_sums(const ChannelSums& sums, std::size_t channel, std::int32_t bias) {
    const std::span<const std::int8_t> weights = sums.weights.values<std::int8_t>();
    const std::size_t depth = weights.size() / sums.channels;
    WeightSums total{0, std::abs(std::int64_t{bias})};
    for (std::size_t k = 0; k < depth; ++k) {
        const int weight =
            weights[sums.channels_last ? k * sums.channels + channel : channel * depth + k];
        total.sum += weight;
        total.most += std::int64_t{255} * std::abs(weight);
    }
    return total;
}

Status check_weight_quantization(const graph::Quantization& q, std::size_t channels) {
    if (q.scales.size() != 1 && q.scales.size() != channels) {
        return invalid_argument("{} weight scales for {} channels", q.scales.size(), channels);
    }
    for (const std::int64_t zero : q.zero_points) {
        if (zero != 0) return unimplemented("weights have the zero point {}", zero);
    }
    return {};
}

}  // namespace

std::vector<Draft> alone(Draft draft) {
    std::vector<Draft> drafts;
    drafts.push_back(std::move(draft));
    return drafts;
}

Drafts by_kernel(Drafts drafts, std::string_view kernel) {
    std::vector<Draft> all = HF_TRY(std::move(drafts));
    all[0].kernel = kernel;
    return all;
}

Status need_dtype(const NodeView& view, std::size_t index, DType dtype) {
    if (!view.has_input(index)) return unimplemented("input {} is missing", index);
    const DType got = *view.input(index).dtype;
    if (got == dtype) return {};
    return unimplemented("input {} is {}, the kernel wants {}", index, dtype_name(got),
                         dtype_name(dtype));
}

Status need_f32(const NodeView& view) {
    for (std::size_t i = 0; i < view.node.inputs.size(); ++i) {
        if (view.has_input(i)) HF_TRY(need_dtype(view, i, DType::kF32));
    }
    if (view.node.outputs.size() != 1 || view.node.outputs[0] == graph::kNoValue) {
        return unimplemented("the kernel has one output");
    }
    if (*view.output().dtype == DType::kF32) return {};
    return unimplemented("the output is {}", dtype_name(*view.output().dtype));
}

Result<Tensor> need_constant(const NodeView& view, std::size_t index, DType dtype) {
    HF_TRY(need_dtype(view, index, dtype));
    const Tensor* constant = view.constant(index);
    if (!constant) return unimplemented("input {} is computed, the kernel packs constants", index);
    return *constant;
}

Result<std::vector<std::int64_t>> integers_of(const NodeView& view, std::size_t index,
                                              std::string_view attribute) {
    if (!view.has_input(index)) return view.node.ints_or(attribute, {});
    const Tensor* constant = view.constant(index);
    if (!constant) return unimplemented("input {} is computed", index);
    std::vector<std::int64_t> values;
    if (constant->dtype() == DType::kI64) {
        const auto all = constant->values<std::int64_t>();
        values.assign(all.begin(), all.end());
    } else if (constant->dtype() == DType::kI32) {
        const auto all = constant->values<std::int32_t>();
        values.assign(all.begin(), all.end());
    } else {
        return unimplemented("input {} is {}", index, dtype_name(constant->dtype()));
    }
    return values;
}

Clamp no_clamp() {
    return {-kInfinity, kInfinity};
}

Result<Clamp> tflite_clamp(const NodeView& view) {
    return clamp_named(view.node.string_or("fused_activation", "NONE"));
}

Result<ActivationDrafts> hf_activation(const NodeView& view) {
    const graph::Node& node = view.node;
    const std::string name = node.string_or("activation", "none");
    if (name == "none") return ActivationDrafts{no_clamp(), {}};
    if (name == "relu") return ActivationDrafts{{0, kInfinity}, {}};
    if (name == "clip") {
        return ActivationDrafts{{node.float_or("activation_min", -kInfinity),
                                 node.float_or("activation_max", kInfinity)},
                                {}};
    }
    kernels::Unary function = kernels::Unary::kSigmoid;
    if (name == "tanh") {
        function = kernels::Unary::kTanh;
    } else if (name == "hard_swish") {
        function = kernels::Unary::kHardSwish;
    } else if (name == "gelu") {
        function = kernels::Unary::kGelu;
    } else if (name == "leaky_relu") {
        function = kernels::Unary::kLeakyRelu;
    } else if (name != "sigmoid") {
        return unimplemented("activation {}", name);
    }
    Draft after;
    after.kernel = "simd.unary_f32";
    after.inputs = {DraftInput::of(node.outputs[0])};
    after.outputs = {node.outputs[0]};
    after.ints = {static_cast<std::int64_t>(function)};
    after.floats = {node.float_or("activation_alpha", 0), 0};
    return ActivationDrafts{no_clamp(), std::move(after)};
}

Result<Affine> affine_of(const graph::Value& value) {
    if (!value.quantization || value.quantization->scales.size() != 1) {
        return unimplemented("'{}' has not one quantisation scale", value.name);
    }
    return Affine{value.quantization->scales[0],
                  static_cast<std::int32_t>(value.quantization->zero_points[0])};
}

Result<StoredBounds> stored_bounds(const NodeView& view, const Affine& output) {
    const Clamp real = HF_TRY(tflite_clamp(view));
    const auto stored = [&](float value) {
        const double rounded = std::round(value / output.scale) + double{1} * output.zero;
        return static_cast<std::int32_t>(std::clamp<double>(rounded, -128, 127));
    };
    return StoredBounds{std::isinf(real.low) ? -128 : stored(real.low),
                        std::isinf(real.high) ? 127 : stored(real.high)};
}

Result<Tensor> channel_table(const NodeView& view, const ChannelSums& sums) {
    const float in = HF_TRY(affine_of(view.input(0))).scale;
    const double out = HF_TRY(affine_of(view.output())).scale;
    if (!view.input(1).quantization) return unimplemented("weights have no quantisation");
    const graph::Quantization& q = *view.input(1).quantization;
    HF_TRY(check_weight_quantization(q, sums.channels));
    std::optional<Tensor> bias;
    if (view.has_input(2)) bias = HF_TRY(need_constant(view, 2, DType::kI32));
    if (bias && bias->elements() != static_cast<std::int64_t>(sums.channels)) {
        return invalid_argument("{} biases for {} channels", bias->elements(), sums.channels);
    }
    const std::size_t row = padded_to_panel(sums.channels);
    Tensor table(DType::kI32, Shape{5, static_cast<std::int64_t>(row)});
    const std::span<std::int32_t> to = table.mutable_values<std::int32_t>();
    for (std::size_t c = 0; c < sums.channels; ++c) {
        // One scale is multiplied in single precision, several in double: TensorFlow Lite's last
        // bits depend on it.
        const double product =
            q.scales.size() == 1 ? double{in * q.scales[0]} : double{in} * double{q.scales[c]};
        const kernels::FixedFactor factor = kernels::fixed_factor(product / out);
        to[c] = bias ? bias->values<std::int32_t>()[c] : 0;
        const auto [sum, most] = weight_sums(sums, c, to[c]);
        to[row + c] = sum;
        to[2 * row + c] = factor.multiplier;
        to[3 * row + c] = std::max(factor.shift, 0);
        to[4 * row + c] = std::max(-factor.shift, 0);
        if (most > (std::numeric_limits<std::int32_t>::max() >> std::max(factor.shift, 0))) {
            return unimplemented("the sum of channel {} could reach {} and overflow", c, most);
        }
    }
    return table;
}

Result<Tensor> real_channel_table(const NodeView& view, const Tensor& weights) {
    const auto channels = static_cast<std::size_t>(weights.shape()[0]);
    const Tensor bias = HF_TRY(need_constant(view, 2, DType::kI32));
    const Tensor factors = HF_TRY(need_constant(view, 3, DType::kF32));
    if (channels == 0 || bias.elements() != weights.shape()[0] ||
        factors.elements() != weights.shape()[0]) {
        return unimplemented("bias and factors are not one a channel");
    }
    const std::size_t row = padded_to_panel(channels);
    Tensor table(DType::kI32, Shape{3, static_cast<std::int64_t>(row)});
    const std::span<std::int32_t> to = table.mutable_values<std::int32_t>();
    for (std::size_t c = 0; c < channels; ++c) {
        to[c] = bias.values<std::int32_t>()[c];
        const auto [sum, most] = weight_sums({weights, channels, false}, c, to[c]);
        to[row + c] = sum;
        to[2 * row + c] = std::bit_cast<std::int32_t>(factors.values<float>()[c]);
        // So far the conversion of sums and of their products goes.
        const double scaled = static_cast<double>(most) * double{factors.values<float>()[c]};
        constexpr double kMost = std::numeric_limits<std::int32_t>::max();
        if (static_cast<double>(most) > kMost || !(scaled < kMost)) {
            return unimplemented("the sum of channel {} could reach {} and overflow", c, most);
        }
    }
    return table;
}

std::vector<std::int64_t> real_fields(const NodeView& view) {
    const graph::Node& node = view.node;
    return {node.int_or("x_zero", 0), node.int_or("y_zero", 0), node.int_or("y_min", -128),
            node.int_or("y_max", 127), 1};
}

Tensor pack_dense_f32(const float* weights, std::size_t columns, std::size_t depth) {
    Tensor packed(DType::kF32,
                  Shape{static_cast<std::int64_t>(kernels::packed_size_f32(columns, depth))});
    kernels::pack_f32({weights, columns, depth, 1}, depth, packed.mutable_values<float>().data());
    return packed;
}

Tensor padded_bias(const Tensor* bias, std::size_t columns) {
    Tensor padded(DType::kF32, Shape{static_cast<std::int64_t>(kernels::packed_columns(columns))});
    if (bias) {
        const std::span<const float> from = bias->values<float>();
        std::copy(from.begin(), from.end(), padded.mutable_values<float>().begin());
    }
    return padded;
}

}  // namespace hf::runtime::cpu
