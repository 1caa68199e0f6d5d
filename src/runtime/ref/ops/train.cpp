// The steps of optimizers from ai.onnx.preview.training: Adagrad, Adam and Momentum. Inputs are the
// learning rate, the count of steps, and then the tensors of each kind: weights, gradients, states.

#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// What is known of one weight: its value, gradient and one or two states.
struct Weight {
    double x, gradient;
    double state[2];
};

struct Step {
    double rate = 0;
    std::int64_t count = 0;
};

// Updates value and states in place.
template <typename Rule>
Outputs update(const OpContext& context, std::size_t states, Rule rule) {
    const std::size_t kinds = 2 + states;
    const std::size_t given = context.inputs.size() < 2 ? 0 : context.inputs.size() - 2;
    if (given == 0 || given % kinds != 0) {
        return invalid_argument("{} tensors are not {} of each weight", given, kinds);
    }
    const std::vector<double> rate = HF_TRY(to_doubles(HF_TRY(need_input(context, 0))));
    const std::vector<std::int64_t> count = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (rate.size() != 1 || count.size() != 1) return invalid_argument("want one rate and count");
    const Step step{rate[0], count[0]};
    const std::size_t tensors = given / kinds;
    std::vector<Tensor> outputs(tensors * (1 + states));
    for (std::size_t t = 0; t < tensors; ++t) {
        std::vector<std::vector<double>> values;
        const Tensor first = HF_TRY(need_input(context, 2 + t));
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            const Tensor next = HF_TRY(need_input(context, 2 + kind * tensors + t));
            if (next.shape() != first.shape() || next.dtype() != first.dtype()) {
                return invalid_argument("the tensors of weight {} differ in shape or type", t);
            }
            values.push_back(HF_TRY(to_doubles(next)));
        }
        for (std::size_t i = 0; i < values[0].size(); ++i) {
            Weight weight{values[0][i], values[1][i], {values[2][i], 0}};
            if (states == 2) weight.state[1] = values[3][i];
            rule(weight, step);
            values[0][i] = weight.x;
            for (std::size_t s = 0; s < states; ++s) values[2 + s][i] = weight.state[s];
        }
        for (std::size_t kind = 0; kind <= states; ++kind) {
            const Tensor wide =
                Tensor::of<double>(DType::kF64, first.shape(),
                                   std::span<const double>(values[kind == 0 ? 0 : kind + 1]));
            outputs[kind * tensors + t] = HF_TRY(cast_tensor(wide, first.dtype()));
        }
    }
    return outputs;
}

double number(const OpContext& context, std::string_view name, float fallback) {
    return double{context.node.float_or(name, fallback)};
}

Outputs adagrad(const OpContext& context) {
    const double decay = number(context, "decay_factor", 0);
    const double epsilon = number(context, "epsilon", 1e-6f);
    const double norm = number(context, "norm_coefficient", 0);
    return update(context, 1, [&](Weight& w, const Step& step) {
        const double rate = step.rate / (1 + static_cast<double>(step.count) * decay);
        const double gradient = norm * w.x + w.gradient;
        w.state[0] += gradient * gradient;
        w.x -= rate * gradient / (std::sqrt(w.state[0]) + epsilon);
    });
}

Outputs adam(const OpContext& context) {
    const double alpha = number(context, "alpha", 0.9f), beta = number(context, "beta", 0.999f);
    const double epsilon = number(context, "epsilon", 1e-6f);
    const double norm = number(context, "norm_coefficient", 0);
    const double norm_after = number(context, "norm_coefficient_post", 0);
    return update(context, 2, [&](Weight& w, const Step& step) {
        const double gradient = norm * w.x + w.gradient;
        w.state[0] = alpha * w.state[0] + (1 - alpha) * gradient;
        w.state[1] = beta * w.state[1] + (1 - beta) * gradient * gradient;
        const double count = static_cast<double>(step.count);
        const double bias = std::sqrt(1 - std::pow(beta, count)) / (1 - std::pow(alpha, count));
        const double rate = step.count > 0 ? step.rate * bias : step.rate;
        w.x = (1 - norm_after) * (w.x - rate * w.state[0] / (std::sqrt(w.state[1]) + epsilon));
    });
}

Outputs momentum(const OpContext& context) {
    const double alpha = number(context, "alpha", 0), beta = number(context, "beta", 0);
    const double norm = number(context, "norm_coefficient", 0);
    const std::string mode = context.node.string_or("mode", "standard");
    if (mode != "standard" && mode != "nesterov") return invalid_argument("mode '{}'", mode);
    return update(context, 1, [&](Weight& w, const Step& step) {
        const double gradient = norm * w.x + w.gradient;
        w.state[0] = alpha * w.state[0] + (step.count > 0 ? beta : 1) * gradient;
        w.x -= step.rate * (mode == "nesterov" ? gradient + alpha * w.state[0] : w.state[0]);
    });
}

}  // namespace

std::vector<OpRow> train_rows() {
    constexpr std::string_view kDomain = "ai.onnx.preview.training";
    return {
        {kDomain, "Adagrad", adagrad}, {kDomain, "Adam", adam}, {kDomain, "Momentum", momentum}};
}

}  // namespace hf::runtime::ref
