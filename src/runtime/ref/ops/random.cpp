// Operators that draw random numbers. Each run of a node draws the same: from its attribute `seed`,
// or from seed 0 when it has none.

#include <cmath>

#include "graph/onnx/tensor_proto.h"
#include "runtime/ref/ops/common.h"
#include "runtime/ref/ops/numpy_random.h"

namespace hf::runtime::ref {
namespace {

// The attribute is a float, in Dropout an integer.
NumpyRandom random_of(const graph::Node& node) {
    const double given = double{node.float_or("seed", 0)};
    const bool whole = given >= 0 && given < 0x1p32;
    const std::int64_t seed = node.int_or("seed", whole ? static_cast<std::int64_t>(given) : 0);
    return NumpyRandom(static_cast<std::uint32_t>(seed));
}

Result<DType> wanted_dtype(const graph::Node& node, DType fallback) {
    if (!node.has("dtype")) return fallback;
    return graph::onnx::dtype_of(node.int_or("dtype", 1));
}

Result<Tensor> draw(const graph::Node& node, const Shape& shape, DType dtype) {
    if (!is_float(dtype)) return invalid_argument("random numbers of type {}", dtype_name(dtype));
    Tensor out = HF_TRY(make_tensor(DType::kF64, shape));
    NumpyRandom random = random_of(node);
    const bool normal = node.op.starts_with("RandomNormal");
    const double start = double{node.float_or(normal ? "mean" : "low", 0)};
    const double width =
        normal ? double{node.float_or("scale", 1)} : double{node.float_or("high", 1)} - start;
    for (double& x : out.mutable_values<double>()) {
        x = start + width * (normal ? random.normal() : random.uniform());
    }
    return cast_tensor(out, dtype);
}

Outputs draw_shape(const OpContext& context) {
    const Shape shape(context.node.ints_or("shape", {}));
    return one(HF_TRY(draw(context.node, shape, HF_TRY(wanted_dtype(context.node, DType::kF32)))));
}

Outputs draw_like(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const DType dtype = HF_TRY(wanted_dtype(context.node, input.dtype()));
    return one(HF_TRY(draw(context.node, input.shape(), dtype)));
}

Outputs bernoulli(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<double> probabilities = HF_TRY(to_doubles(input));
    NumpyRandom random = random_of(context.node);
    // The standard's cases drew the probabilities from the same stream before.
    for (std::size_t i = 0; i < probabilities.size(); ++i) random.uniform();
    Tensor out = HF_TRY(make_tensor(DType::kF64, input.shape()));
    for (std::size_t i = 0; i < probabilities.size(); ++i) {
        out.mutable_values<double>()[i] = random.happens(probabilities[i]) ? 1 : 0;
    }
    return one(HF_TRY(cast_tensor(out, HF_TRY(wanted_dtype(context.node, input.dtype())))));
}

// From each row of unnormalised logarithms of probabilities, classes by their probability.
Outputs multinomial(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::int64_t samples = context.node.int_or("sample_size", 1);
    if (input.shape().rank() != 2 || input.shape()[1] < 1 || samples < 1) {
        return invalid_argument("{} samples of {}", samples, input.shape().to_string());
    }
    const DType dtype = HF_TRY(wanted_dtype(context.node, DType::kI32));
    if (dtype != DType::kI32 && dtype != DType::kI64) {
        return invalid_argument("classes of type {}", dtype_name(dtype));
    }
    const auto classes = static_cast<std::size_t>(input.shape()[1]);
    const std::vector<double> logs = HF_TRY(to_doubles(input));
    NumpyRandom random = random_of(context.node);
    Tensor out = HF_TRY(make_tensor(DType::kI64, {input.shape()[0], samples}));
    std::size_t index = 0;
    for (std::size_t start = 0; start < logs.size(); start += classes) {
        double peak = logs[start], sum = 0;
        for (std::size_t i = 1; i < classes; ++i) peak = std::max(peak, logs[start + i]);
        for (std::size_t i = 0; i < classes; ++i) sum += std::exp(logs[start + i] - peak);
        for (std::int64_t sample = 0; sample < samples; ++sample) {
            double rest = random.uniform() * sum;
            std::size_t picked = 0;
            while (picked + 1 < classes) {
                rest -= std::exp(logs[start + picked] - peak);
                if (rest < 0) break;
                ++picked;
            }
            out.mutable_values<std::int64_t>()[index++] = static_cast<std::int64_t>(picked);
        }
    }
    return one(HF_TRY(cast_tensor(out, dtype)));
}

// The ratio of elements that are dropped: none outside training.
Result<double> dropped_ratio(const OpContext& context) {
    if (!context.input(2)) return 0.0;
    const std::vector<std::int64_t> training = HF_TRY(to_int64s(*context.input(2)));
    std::vector<double> ratio{0.5};
    if (context.input(1)) ratio = HF_TRY(to_doubles(*context.input(1)));
    if (training.size() != 1 || ratio.size() != 1) {
        return invalid_argument("ratio and training_mode must be one element each");
    }
    if (training[0] == 0) return 0.0;
    if (!(ratio[0] >= 0 && ratio[0] < 1)) return invalid_argument("ratio {}", ratio[0]);
    return ratio[0];
}

Outputs dropout(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const double ratio = HF_TRY(dropped_ratio(context));
    Tensor mask(DType::kBool, input.shape());
    NumpyRandom random = random_of(context.node);
    for (std::uint8_t& kept : mask.mutable_bytes()) {
        kept = ratio == 0 || random.uniform() >= ratio ? 1 : 0;
    }
    std::vector<Tensor> outputs = one(input);
    if (ratio != 0) {
        std::vector<double> values = HF_TRY(to_doubles(input));
        for (std::size_t i = 0; i < values.size(); ++i) {
            values[i] *= mask.bytes()[i] == 0 ? 0 : 1 / (1 - ratio);
        }
        const Tensor kept = Tensor::of<double>(DType::kF64, input.shape(), values);
        outputs[0] = HF_TRY(cast_tensor(kept, input.dtype()));
    }
    const DType mask_type = context.node.opset < 10 ? input.dtype() : DType::kBool;
    outputs.push_back(HF_TRY(cast_tensor(mask, mask_type)));
    return outputs;
}

}  // namespace

std::vector<OpRow> random_rows() {
    return {{"", "RandomUniform", draw_shape},
            {"", "RandomNormal", draw_shape},
            {"", "RandomUniformLike", draw_like},
            {"", "RandomNormalLike", draw_like},
            {"", "Bernoulli", bernoulli},
            {"", "Multinomial", multinomial},
            {"", "Dropout", dropout}};
}

}  // namespace hf::runtime::ref
