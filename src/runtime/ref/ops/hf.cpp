// The operators that the passes make: images in NHWC. See graph/hf_ops.md.

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/hf_window.h"

namespace hf::runtime::ref {
namespace {

Result<Tensor> image_input(const OpContext& context) {
    Tensor x = HF_TRY(need_input(context, 0));
    if (x.dtype() != DType::kF32 || x.shape().rank() != 4) {
        return invalid_argument("want f32 in NHWC, got {}[{}]", dtype_name(x.dtype()),
                                x.shape().to_string());
    }
    return x;
}

struct Layer {
    std::int64_t groups, depth, filters, taps;  // depth: channels of one group
};

// OHWI to [tap][channel of the group][filter], so that filters are side by side.
std::vector<float> filters_last(const Tensor& weights, const Layer& layer) {
    std::vector<float> turned(static_cast<std::size_t>(weights.elements()));
    const auto from = weights.values<float>();
    const std::int64_t rows = layer.taps * layer.depth;
    for (std::int64_t f = 0; f < layer.filters; ++f) {
        for (std::int64_t r = 0; r < rows; ++r) {
            turned[static_cast<std::size_t>(r * layer.filters + f)] =
                from[static_cast<std::size_t>(f * rows + r)];
        }
    }
    return turned;
}

// Adds one tap's share of one pixel to all filters.
void add_tap(const Layer& layer, const float* in, const float* weights, float* out) {
    const std::int64_t per_group = layer.filters / layer.groups;
    for (std::int64_t g = 0; g < layer.groups; ++g) {
        for (std::int64_t c = 0; c < layer.depth; ++c) {
            const float value = in[g * layer.depth + c];
            const float* row = weights + c * layer.filters + g * per_group;
            float* to = out + g * per_group;
            for (std::int64_t f = 0; f < per_group; ++f) to[f] += value * row[f];
        }
    }
}

float gelu_of(float x) {
    return 0.5f * x * (1 + std::erf(x * 0.70710678f));
}

template <typename F>
Status apply(std::span<float> values, F f) {
    for (float& value : values) value = f(value);
    return {};
}

Status activate(const graph::Node& node, std::span<float> values) {
    const std::string activation = node.string_or("activation", "none");
    const float low = node.float_or("activation_min", 0);
    const float high = node.float_or("activation_max", 0);
    const float slope = node.float_or("activation_alpha", 0);
    if (activation == "none") return {};
    if (activation == "relu") return apply(values, [](float x) { return x < 0 ? 0 : x; });
    if (activation == "clip") {
        return apply(values, [&](float x) { return std::min(std::max(x, low), high); });
    }
    if (activation == "sigmoid") {
        return apply(values, [](float x) { return 1 / (1 + std::exp(-x)); });
    }
    if (activation == "tanh") return apply(values, [](float x) { return std::tanh(x); });
    if (activation == "hard_swish") {
        return apply(values,
                     [](float x) { return x * std::min(std::max(x / 6 + 0.5f, 0.0f), 1.0f); });
    }
    if (activation == "leaky_relu") {
        return apply(values, [&](float x) { return x < 0 ? slope * x : x; });
    }
    if (activation == "gelu") return apply(values, gelu_of);
    return unimplemented("activation '{}'", activation);
}

Outputs conv2d(const OpContext& context) {
    const Tensor x = HF_TRY(image_input(context));
    const Tensor weights = HF_TRY(need_input(context, 1));
    const Shape& kernel = weights.shape();
    const std::int64_t groups = context.node.int_or("group", 1);
    if (weights.dtype() != DType::kF32 || kernel.rank() != 4 || groups < 1 ||
        x.shape()[3] != kernel[3] * groups || kernel[0] % groups != 0) {
        return invalid_argument("input {} in {} groups does not fit weights {}",
                                x.shape().to_string(), groups, kernel.to_string());
    }
    const Layer layer{groups, kernel[3], kernel[0], kernel[1] * kernel[2]};
    const ImageWindow w = HF_TRY(make_window(context, x.shape(), {kernel[1], kernel[2]}));
    Tensor out = HF_TRY(make_tensor(DType::kF32, {x.shape()[0], w.y.out, w.x.out, layer.filters}));
    const Tensor* bias = context.input(2);
    const Tensor* residual = context.input(3);
    if ((bias && (bias->dtype() != DType::kF32 || bias->shape() != Shape{layer.filters})) ||
        (residual && (residual->dtype() != DType::kF32 || residual->shape() != out.shape()))) {
        return invalid_argument("bias or residual does not fit an output of {}",
                                out.shape().to_string());
    }
    if (out.elements() == 0) return one(std::move(out));
    const std::vector<float> turned = filters_last(weights, layer);
    float* to = out.mutable_values<float>().data();
    const float* in = x.values<float>().data();
    for (std::int64_t pixel = 0; pixel < out.elements() / layer.filters; ++pixel) {
        float* sums = to + pixel * layer.filters;
        for_taps(w, pixel, [&](std::int64_t tap, std::int64_t from) {
            add_tap(layer, in + from * x.shape()[3],
                    turned.data() + tap * layer.depth * layer.filters, sums);
        });
        for (std::int64_t f = 0; f < layer.filters; ++f) {
            if (bias) sums[f] += bias->values<float>()[static_cast<std::size_t>(f)];
            const auto index = static_cast<std::size_t>(pixel * layer.filters + f);
            if (residual) sums[f] += residual->values<float>()[index];
        }
    }
    HF_TRY(activate(context.node, out.mutable_values<float>()));
    return one(std::move(out));
}

Outputs gemm(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    const Tensor weights = HF_TRY(need_input(context, 1));
    if (x.dtype() != DType::kF32 || weights.dtype() != DType::kF32 || x.shape().rank() < 2 ||
        weights.shape().rank() != 2 || x.shape().extents().back() != weights.shape()[1]) {
        return invalid_argument("{} does not fit weights {}", x.shape().to_string(),
                                weights.shape().to_string());
    }
    const auto columns = static_cast<std::size_t>(weights.shape()[0]);
    const auto depth = static_cast<std::size_t>(weights.shape()[1]);
    const Tensor* bias = context.input(2);
    if (bias && (bias->dtype() != DType::kF32 || bias->shape() != Shape{weights.shape()[0]})) {
        return invalid_argument("the bias does not fit {} columns", columns);
    }
    std::vector<std::int64_t> extents = x.shape().extents();
    extents.back() = weights.shape()[0];
    Tensor out = HF_TRY(make_tensor(DType::kF32, Shape(extents)));
    const Tensor* residual = context.input(3);
    if (residual && (residual->dtype() != DType::kF32 || residual->shape() != out.shape())) {
        return invalid_argument("the residual {} does not fit {}", residual->shape().to_string(),
                                out.shape().to_string());
    }
    if (out.elements() == 0) return one(std::move(out));
    const std::size_t rows = static_cast<std::size_t>(out.elements()) / columns;
    const auto to = out.mutable_values<float>();
    for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
            float sum = 0;
            for (std::size_t i = 0; i < depth; ++i) {
                sum += x.values<float>()[r * depth + i] * weights.values<float>()[c * depth + i];
            }
            if (bias) sum += bias->values<float>()[c];
            if (residual) sum += residual->values<float>()[r * columns + c];
            to[r * columns + c] = sum;
        }
    }
    HF_TRY(activate(context.node, to));
    return one(std::move(out));
}

Outputs gelu(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (x.dtype() != DType::kF32) return invalid_argument("want f32");
    Tensor out = HF_TRY(make_tensor(DType::kF32, x.shape()));
    const auto from = x.values<float>();
    std::transform(from.begin(), from.end(), out.mutable_values<float>().begin(), gelu_of);
    return one(std::move(out));
}

// int8 goes through f32, which holds it exactly.
Outputs pool2d(const OpContext& context) {
    Tensor x = HF_TRY(need_input(context, 0));
    const bool stored = x.dtype() == DType::kI8 && context.node.op == "MaxPool2d";
    x = stored ? HF_TRY(cast_tensor(x, DType::kF32)) : HF_TRY(image_input(context));
    if (x.shape().rank() != 4) return invalid_argument("want NHWC, got {}", x.shape().to_string());
    const auto kernel = context.node.ints_or("kernel_shape", {});
    if (kernel.size() != 2) return invalid_argument("kernel_shape must have two extents");
    const bool average = context.node.op == "AveragePool2d";
    const bool padded = context.node.int_or("count_include_pad", 0) != 0;
    const ImageWindow w = HF_TRY(make_window(context, x.shape(), Shape(kernel)));
    const std::int64_t channels = x.shape()[3];
    Tensor out = HF_TRY(make_tensor(DType::kF32, {x.shape()[0], w.y.out, w.x.out, channels}));
    if (out.elements() == 0) return one(std::move(out));
    const auto in = x.values<float>();
    const auto to = out.mutable_values<float>();
    for (std::int64_t index = 0; index < out.elements(); ++index) {
        double sum = 0;
        float best = -std::numeric_limits<float>::infinity();
        std::int64_t taps = 0;
        for_taps(w, index / channels, [&](std::int64_t, std::int64_t from) {
            const float value = in[static_cast<std::size_t>(from * channels + index % channels)];
            sum += static_cast<double>(value);
            best = std::max(best, value);
            ++taps;
        });
        const std::int64_t divisor =
            padded ? kernel[0] * kernel[1] : std::max<std::int64_t>(taps, 1);
        to[static_cast<std::size_t>(index)] =
            average ? static_cast<float>(sum / static_cast<double>(divisor)) : best;
    }
    return one(stored ? HF_TRY(cast_tensor(out, DType::kI8)) : std::move(out));
}

}  // namespace

std::vector<OpRow> hf_rows() {
    return {{"hf", "Conv2d", conv2d},
            {"hf", "Gelu", gelu},
            {"hf", "Gemm", gemm},
            {"hf", "MaxPool2d", pool2d},
            {"hf", "AveragePool2d", pool2d}};
}

}  // namespace hf::runtime::ref
