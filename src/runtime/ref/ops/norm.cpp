// Normalisation and the Softmax family. Accumulation is in double.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Replaces each lane (the elements along an axis, at one outer and inner position) by f(lane).
template <typename F>
Result<Tensor> map_lanes(const Tensor& input, const AxisSplit& split, F f) {
    const std::vector<double> values = HF_TRY(to_doubles(input));
    Tensor out(DType::kF64, input.shape());
    std::vector<double> lane(static_cast<std::size_t>(split.extent));
    for (std::int64_t o = 0; o < split.outer; ++o) {
        for (std::int64_t i = 0; i < split.inner; ++i) {
            const auto place = [&](std::size_t a) {
                return static_cast<std::size_t>(
                    (o * split.extent + static_cast<std::int64_t>(a)) * split.inner + i);
            };
            for (std::size_t a = 0; a < lane.size(); ++a) lane[a] = values[place(a)];
            f(lane);
            for (std::size_t a = 0; a < lane.size(); ++a)
                out.mutable_values<double>()[place(a)] = lane[a];
        }
    }
    return cast_tensor(out, input.dtype());
}

void softmax_lane(std::vector<double>& lane, const std::string& op) {
    if (lane.empty()) return;
    const auto peak = std::max_element(lane.begin(), lane.end());
    if (op == "Hardmax") {
        const auto hot = peak - lane.begin();
        std::fill(lane.begin(), lane.end(), 0.0);
        lane[static_cast<std::size_t>(hot)] = 1;
        return;
    }
    const double shift = *peak;
    double sum = 0;
    for (double x : lane) sum += std::exp(x - shift);
    for (double& x : lane) {
        x = op == "Softmax" ? std::exp(x - shift) / sum : x - shift - std::log(sum);
    }
}

Outputs softmax(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const bool flattens = context.node.opset < 13;
    const std::int64_t fallback = flattens ? 1 : -1;
    const std::int64_t given = context.node.int_or("axis", fallback);
    if (flattens && given == static_cast<std::int64_t>(input.shape().rank())) return one(input);
    const std::size_t axis = HF_TRY(normalize_axis(given, input.shape().rank()));
    AxisSplit split = split_at(input.shape(), axis);
    // Up to opset 12 everything from the axis on is one lane.
    if (flattens) split = {split.outer, split.extent * split.inner, 1};
    return one(
        HF_TRY(map_lanes(input, split, [&](auto& lane) { softmax_lane(lane, context.node.op); })));
}

Outputs lp_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", -1), input.shape().rank()));
    const bool absolute = context.node.int_or("p", 2) == 1;
    return one(HF_TRY(map_lanes(input, split_at(input.shape(), axis), [&](auto& lane) {
        double sum = 0;
        for (double x : lane) sum += absolute ? std::abs(x) : x * x;
        const double norm = absolute ? sum : std::sqrt(sum);
        for (double& x : lane) x = norm == 0 ? 0 : x / norm;
    })));
}

Result<std::vector<double>> per_channel(const OpContext& context, std::size_t index,
                                        std::int64_t channels) {
    std::vector<double> values = HF_TRY(to_doubles(HF_TRY(need_input(context, index))));
    if (static_cast<std::int64_t>(values.size()) != channels) {
        return invalid_argument("input {} has {} values for {} channels", index, values.size(),
                                channels);
    }
    return values;
}

// Mean and population variance of each channel of [N, C, ...].
void channel_moments(const std::vector<double>& x, const AxisSplit& split,
                     std::vector<double>& mean, std::vector<double>& variance) {
    mean.assign(static_cast<std::size_t>(split.extent), 0);
    variance = mean;
    const double count = static_cast<double>(split.outer * split.inner);
    const auto channel = [&](std::size_t i) {
        return static_cast<std::size_t>(static_cast<std::int64_t>(i) / split.inner % split.extent);
    };
    for (std::size_t i = 0; i < x.size(); ++i) mean[channel(i)] += x[i] / count;
    for (std::size_t i = 0; i < x.size(); ++i) {
        const double d = x[i] - mean[channel(i)];
        variance[channel(i)] += d * d / count;
    }
}

Result<Tensor> vector_of(const std::vector<double>& values, DType dtype) {
    return cast_tensor(
        Tensor::of<double>(DType::kF64, {static_cast<std::int64_t>(values.size())}, values), dtype);
}

Outputs batch_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.shape().rank() < 2) return invalid_argument("want [N, C, ...]");
    const AxisSplit split = split_at(input.shape(), 1);
    const std::vector<double> scale = HF_TRY(per_channel(context, 1, split.extent));
    const std::vector<double> bias = HF_TRY(per_channel(context, 2, split.extent));
    std::vector<double> mean = HF_TRY(per_channel(context, 3, split.extent));
    std::vector<double> variance = HF_TRY(per_channel(context, 4, split.extent));
    const double epsilon = context.node.float_or("epsilon", 1e-5f);
    const double momentum = context.node.float_or("momentum", 0.9f);
    const std::vector<double> x = HF_TRY(to_doubles(input));
    std::vector<Tensor> running;
    if (context.node.opset >= 14 && context.node.int_or("training_mode", 0) != 0) {
        std::vector<double> batch_mean, batch_variance;
        channel_moments(x, split, batch_mean, batch_variance);
        for (std::size_t c = 0; c < mean.size(); ++c) {
            mean[c] = mean[c] * momentum + batch_mean[c] * (1 - momentum);
            variance[c] = variance[c] * momentum + batch_variance[c] * (1 - momentum);
        }
        running.push_back(HF_TRY(vector_of(mean, context.inputs[3].dtype())));
        running.push_back(HF_TRY(vector_of(variance, context.inputs[4].dtype())));
        mean = batch_mean;
        variance = batch_variance;
    }
    Tensor out(DType::kF64, input.shape());
    for (std::size_t i = 0; i < x.size(); ++i) {
        const auto c =
            static_cast<std::size_t>(static_cast<std::int64_t>(i) / split.inner % split.extent);
        out.mutable_values<double>()[i] =
            (x[i] - mean[c]) / std::sqrt(variance[c] + epsilon) * scale[c] + bias[c];
    }
    std::vector<Tensor> outputs = one(HF_TRY(cast_tensor(out, input.dtype())));
    outputs.insert(outputs.end(), running.begin(), running.end());
    return outputs;
}

void standardize(std::span<double> lane, double epsilon) {
    double mean = 0;
    for (double x : lane) mean += x / static_cast<double>(lane.size());
    double variance = 0;
    for (double x : lane) variance += (x - mean) * (x - mean) / static_cast<double>(lane.size());
    for (double& x : lane) x = (x - mean) / std::sqrt(variance + epsilon);
}

Outputs instance_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.shape().rank() < 3) return invalid_argument("want [N, C, spatial...]");
    const std::int64_t channels = input.shape()[1];
    const std::vector<double> scale = HF_TRY(per_channel(context, 1, channels));
    const std::vector<double> bias = HF_TRY(per_channel(context, 2, channels));
    const double epsilon = context.node.float_or("epsilon", 1e-5f);
    const AxisSplit split = split_at(input.shape(), 1);
    std::size_t plane = 0;
    return one(
        HF_TRY(map_lanes(input, {split.outer * split.extent, split.inner, 1}, [&](auto& lane) {
            standardize(lane, epsilon);
            const std::size_t c = plane++ % static_cast<std::size_t>(channels);
            for (double& x : lane) x = x * scale[c] + bias[c];
        })));
}

Outputs layer_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", -1), input.shape().rank()));
    const double epsilon = context.node.float_or("epsilon", 1e-5f);
    const AxisSplit split = split_at(input.shape(), axis);
    const std::int64_t width = split.extent * split.inner;
    const std::vector<double> scale = HF_TRY(per_channel(context, 1, width));
    std::vector<double> bias(scale.size(), 0);
    if (context.input(2)) bias = HF_TRY(per_channel(context, 2, width));
    std::vector<double> means, inverses;
    Tensor out = HF_TRY(map_lanes(input, {split.outer, width, 1}, [&](auto& lane) {
        double mean = 0, variance = 0;
        for (double x : lane) mean += x / static_cast<double>(width);
        for (double x : lane) variance += (x - mean) * (x - mean) / static_cast<double>(width);
        means.push_back(mean);
        inverses.push_back(1 / std::sqrt(variance + epsilon));
        for (std::size_t i = 0; i < lane.size(); ++i) {
            lane[i] = (lane[i] - mean) * inverses.back() * scale[i] + bias[i];
        }
    }));
    Shape shape = input.shape();
    for (std::size_t i = axis; i < shape.rank(); ++i) shape[i] = 1;
    std::vector<Tensor> outputs = one(std::move(out));
    for (const auto* row : {&means, &inverses}) {
        outputs.push_back(HF_TRY(vector_of(*row, DType::kF32)).reshaped(shape));
    }
    return outputs;
}

Outputs local_response(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.shape().rank() < 2) return invalid_argument("want [N, C, ...]");
    const auto size = context.node.int_or("size", 1);
    const double alpha = context.node.float_or("alpha", 1e-4f);
    const double beta = context.node.float_or("beta", 0.75f);
    const double bias = context.node.float_or("bias", 1);
    return one(HF_TRY(map_lanes(input, split_at(input.shape(), 1), [&](auto& lane) {
        const std::vector<double> before = lane;
        const auto last = static_cast<std::int64_t>(lane.size()) - 1;
        for (std::int64_t c = 0; c <= last; ++c) {
            double squares = 0;
            const std::int64_t first = std::max<std::int64_t>(0, c - (size - 1) / 2);
            for (std::int64_t i = first; i <= std::min(last, c + size / 2); ++i) {
                squares +=
                    before[static_cast<std::size_t>(i)] * before[static_cast<std::size_t>(i)];
            }
            lane[static_cast<std::size_t>(c)] /=
                std::pow(bias + alpha / static_cast<double>(size) * squares, beta);
        }
    })));
}

}  // namespace

std::vector<OpRow> norm_rows() {
    return {{"", "Softmax", softmax},
            {"", "LogSoftmax", softmax},
            {"", "Hardmax", softmax},
            {"", "LpNormalization", lp_normalization},
            {"", "BatchNormalization", batch_normalization},
            {"", "InstanceNormalization", instance_normalization},
            {"", "LayerNormalization", layer_normalization},
            {"", "LRN", local_response}};
}

}  // namespace hf::runtime::ref
