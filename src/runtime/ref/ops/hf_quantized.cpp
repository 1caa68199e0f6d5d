// The int8 operators that lower-quantized makes: 32-bit sums, rescaled in single precision and
// rounded half to even, as ONNX's QLinear operators. See graph/hf_ops.md.

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/hf_window.h"

namespace hf::runtime::ref {
namespace {

// What all of them end with.
struct Stored {
    std::int64_t zero, min, max;

    explicit Stored(const graph::Node& node)
        : zero(node.int_or("y_zero", 0)),
          min(std::max<std::int64_t>(node.int_or("y_min", -128), -128)),
          max(std::min<std::int64_t>(node.int_or("y_max", 127), 127)) {}

    std::int8_t operator()(float value) const {
        const double stored = std::nearbyint(value) + static_cast<double>(zero);
        const double low = static_cast<double>(min), high = static_cast<double>(max);
        // Comparisons in this order send NaN to the minimum.
        return static_cast<std::int8_t>(stored > low ? std::min(stored, high) : low);
    }
};

Result<Tensor> need_i8(const OpContext& context, std::size_t index, std::size_t rank) {
    Tensor x = HF_TRY(need_input(context, index));
    if (x.dtype() != DType::kI8 || x.shape().rank() < rank) {
        return invalid_argument("input {}: want i8, got {}[{}]", index, dtype_name(x.dtype()),
                                x.shape().to_string());
    }
    return x;
}

// Inputs 2 and 3: one bias and one factor a channel.
struct Channels {
    Tensor bias, factors;

    std::int8_t store(std::int64_t sum, std::size_t channel, const Stored& stored) const {
        const std::int64_t total = sum + bias.values<std::int32_t>()[channel];
        const auto small = static_cast<std::int32_t>(
            std::clamp<std::int64_t>(total, std::numeric_limits<std::int32_t>::min(),
                                     std::numeric_limits<std::int32_t>::max()));
        return stored(static_cast<float>(small) * factors.values<float>()[channel]);
    }
};

Result<Channels> need_channels(const OpContext& context, std::int64_t count) {
    const Tensor bias = HF_TRY(need_input(context, 2)), factors = HF_TRY(need_input(context, 3));
    Channels channels{bias, factors};
    if (channels.bias.dtype() != DType::kI32 || channels.factors.dtype() != DType::kF32 ||
        channels.bias.elements() != count || channels.factors.elements() != count) {
        return invalid_argument("bias or factors are not one for each of {} channels", count);
    }
    return channels;
}

Outputs conv2d(const OpContext& context) {
    const Tensor x = HF_TRY(need_i8(context, 0, 4));
    const Tensor weights = HF_TRY(need_i8(context, 1, 4));
    const Shape& kernel = weights.shape();
    const std::int64_t groups = context.node.int_or("group", 1), filters = kernel[0];
    if (groups < 1 || filters % groups != 0 || kernel[3] * groups != x.shape()[3]) {
        return invalid_argument("{} in {} groups does not fit weights {}", x.shape().to_string(),
                                groups, kernel.to_string());
    }
    const Channels channels = HF_TRY(need_channels(context, filters));
    const ImageWindow w = HF_TRY(make_window(context, x.shape(), {kernel[1], kernel[2]}));
    Tensor out = HF_TRY(make_tensor(DType::kI8, {x.shape()[0], w.y.out, w.x.out, filters}));
    if (out.elements() == 0) return one(std::move(out));
    const Stored stored(context.node);
    const std::int64_t zero = context.node.int_or("x_zero", 0), depth = kernel[3];
    const auto from = x.values<std::int8_t>(), taken = weights.values<std::int8_t>();
    for (std::int64_t index = 0; index < out.elements(); ++index) {
        const std::int64_t filter = index % filters, group = filter / (filters / groups);
        std::int64_t sum = 0;
        for_taps(w, index / filters, [&](std::int64_t tap, std::int64_t pixel) {
            const std::int64_t a = pixel * x.shape()[3] + group * depth;
            const std::int64_t b = (filter * kernel[1] * kernel[2] + tap) * depth;
            for (std::int64_t i = 0; i < depth; ++i) {
                sum += (from[static_cast<std::size_t>(a + i)] - zero) *
                       taken[static_cast<std::size_t>(b + i)];
            }
        });
        out.mutable_values<std::int8_t>()[static_cast<std::size_t>(index)] =
            channels.store(sum, static_cast<std::size_t>(filter), stored);
    }
    return one(std::move(out));
}

Outputs gemm(const OpContext& context) {
    const Tensor x = HF_TRY(need_i8(context, 0, 1));
    const Tensor weights = HF_TRY(need_i8(context, 1, 2));
    std::vector<std::int64_t> extents = x.shape().extents();
    if (weights.shape().rank() != 2 || extents.back() != weights.shape()[1]) {
        return invalid_argument("{} does not fit weights {}", x.shape().to_string(),
                                weights.shape().to_string());
    }
    const Channels channels = HF_TRY(need_channels(context, weights.shape()[0]));
    extents.back() = weights.shape()[0];
    Tensor out = HF_TRY(make_tensor(DType::kI8, Shape(extents)));
    const Stored stored(context.node);
    const std::int64_t zero = context.node.int_or("x_zero", 0);
    const auto columns = static_cast<std::size_t>(weights.shape()[0]);
    const auto depth = static_cast<std::size_t>(weights.shape()[1]);
    for (std::size_t i = 0; i < static_cast<std::size_t>(out.elements()); ++i) {
        const auto row = x.values<std::int8_t>().subspan(i / columns * depth, depth);
        const auto column = weights.values<std::int8_t>().subspan(i % columns * depth, depth);
        std::int64_t sum = 0;
        for (std::size_t k = 0; k < depth; ++k) sum += (row[k] - zero) * column[k];
        out.mutable_values<std::int8_t>()[i] = channels.store(sum, i % columns, stored);
    }
    return one(std::move(out));
}

Outputs add(const OpContext& context) {
    const Tensor a = HF_TRY(need_i8(context, 0, 0));
    const Tensor b = HF_TRY(need_i8(context, 1, 0));
    if (a.shape() != b.shape()) {
        return invalid_argument("{} and {} differ", a.shape().to_string(), b.shape().to_string());
    }
    Tensor out = HF_TRY(make_tensor(DType::kI8, a.shape()));
    const graph::Node& node = context.node;
    const Stored stored(node);
    const auto a_zero = static_cast<float>(node.int_or("a_zero", 0));
    const auto b_zero = static_cast<float>(node.int_or("b_zero", 0));
    const float a_factor = node.float_or("a_factor", 1), b_factor = node.float_or("b_factor", 1);
    for (std::size_t i = 0; i < static_cast<std::size_t>(out.elements()); ++i) {
        const float left = (static_cast<float>(a.values<std::int8_t>()[i]) - a_zero) * a_factor;
        const float right = (static_cast<float>(b.values<std::int8_t>()[i]) - b_zero) * b_factor;
        out.mutable_values<std::int8_t>()[i] = stored(left + right);
    }
    return one(std::move(out));
}

Outputs mean(const OpContext& context) {
    const Tensor x = HF_TRY(need_i8(context, 0, 4));
    const Shape& shape = x.shape();
    Tensor out = HF_TRY(make_tensor(DType::kI8, {shape[0], 1, 1, shape[3]}));
    const Stored stored(context.node);
    const std::int64_t zero = context.node.int_or("x_zero", 0);
    const float factor = context.node.float_or("factor", 1);
    const std::int64_t pixels = shape[1] * shape[2], channels = shape[3];
    for (std::int64_t i = 0; i < out.elements(); ++i) {
        std::int64_t sum = 0;
        for (std::int64_t p = 0; p < pixels; ++p) {
            const std::int64_t at = (i / channels * pixels + p) * channels + i % channels;
            sum += x.values<std::int8_t>()[static_cast<std::size_t>(at)] - zero;
        }
        out.mutable_values<std::int8_t>()[static_cast<std::size_t>(i)] =
            stored(static_cast<float>(sum) * factor);
    }
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> hf_quantized_rows() {
    return {{"hf", "QConv2d", conv2d},
            {"hf", "QGemm", gemm},
            {"hf", "QAdd", add},
            {"hf", "QMean", mean}};
}

}  // namespace hf::runtime::ref
