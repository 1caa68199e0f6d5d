// The losses of training graphs: NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss.
// Accumulation is in double.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Log probabilities [N, C, ...] with the class that is right at each of [N, ...].
struct Labelled {
    AxisSplit split;  // around the axis of classes
    std::vector<std::int64_t> classes;
    std::vector<double> weights;  // one a class
    std::optional<std::int64_t> ignored;
};

Result<Labelled> read_labels(const OpContext& context, const Shape& scores) {
    const Tensor target = HF_TRY(need_input(context, 1));
    if (scores.rank() < 2) return invalid_argument("want [N, C, ...], got {}", scores.to_string());
    std::vector<std::int64_t> expected = scores.extents();
    expected.erase(expected.begin() + 1);
    if (target.shape() != Shape(expected)) {
        return invalid_argument("labels {} do not fit scores {}", target.shape().to_string(),
                                scores.to_string());
    }
    Labelled labels;
    labels.split = split_at(scores, 1);
    labels.classes = HF_TRY(to_int64s(target));
    if (context.node.has("ignore_index")) labels.ignored = context.node.int_or("ignore_index", 0);
    for (std::int64_t label : labels.classes) {
        const bool counts = !labels.ignored || label != *labels.ignored;
        if (counts && (label < 0 || label >= labels.split.extent)) {
            return invalid_argument("label {} of {} classes", label, labels.split.extent);
        }
    }
    labels.weights.assign(static_cast<std::size_t>(labels.split.extent), 1);
    if (const Tensor* weights = context.input(2)) {
        if (weights->elements() != labels.split.extent) {
            return invalid_argument("{} weights for {} classes", weights->elements(),
                                    labels.split.extent);
        }
        labels.weights = HF_TRY(to_doubles(*weights));
    }
    return labels;
}

// The loss of each label, reduced as the node says.
Result<Tensor> likelihood_loss(const OpContext& context, const std::vector<double>& log_scores,
                               const Labelled& labels) {
    const AxisSplit& split = labels.split;
    Tensor losses = HF_TRY(make_tensor(DType::kF64, context.inputs[1].shape()));
    double sum = 0, weight_sum = 0;
    for (std::size_t i = 0; i < labels.classes.size(); ++i) {
        const std::int64_t label = labels.classes[i];
        if (labels.ignored && label == *labels.ignored) continue;
        const std::int64_t place = static_cast<std::int64_t>(i);
        const std::int64_t from =
            (place / split.inner * split.extent + label) * split.inner + place % split.inner;
        const double weight = labels.weights[static_cast<std::size_t>(label)];
        const double loss = -weight * log_scores[static_cast<std::size_t>(from)];
        losses.mutable_values<double>()[i] = loss;
        sum += loss;
        weight_sum += weight;
    }
    const std::string reduction = context.node.string_or("reduction", "mean");
    if (reduction == "none") return losses;
    if (reduction != "mean" && reduction != "sum") {
        return invalid_argument("reduction '{}' is none of none, mean, sum", reduction);
    }
    const double result = reduction == "mean" ? sum / weight_sum : sum;
    return Tensor::of<double>(DType::kF64, {}, std::span(&result, 1));
}

Outputs negative_log_likelihood(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Labelled labels = HF_TRY(read_labels(context, input.shape()));
    const Tensor loss = HF_TRY(likelihood_loss(context, HF_TRY(to_doubles(input)), labels));
    return one(HF_TRY(cast_tensor(loss, input.dtype())));
}

// The logarithms of the softmax over the classes.
std::vector<double> log_softmax(std::vector<double> scores, const AxisSplit& split) {
    for (std::int64_t lane = 0; lane < split.outer * split.inner; ++lane) {
        const std::int64_t start = lane / split.inner * split.extent * split.inner;
        const auto at = [&](std::int64_t c) -> double& {
            return scores[static_cast<std::size_t>(start + c * split.inner + lane % split.inner)];
        };
        double peak = -HUGE_VAL, sum = 0;
        for (std::int64_t c = 0; c < split.extent; ++c) peak = std::max(peak, at(c));
        for (std::int64_t c = 0; c < split.extent; ++c) sum += std::exp(at(c) - peak);
        for (std::int64_t c = 0; c < split.extent; ++c) at(c) -= peak + std::log(sum);
    }
    return scores;
}

Outputs softmax_cross_entropy(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Labelled labels = HF_TRY(read_labels(context, input.shape()));
    const std::vector<double> logs = log_softmax(HF_TRY(to_doubles(input)), labels.split);
    const Tensor loss = HF_TRY(likelihood_loss(context, logs, labels));
    const Tensor all = Tensor::of<double>(DType::kF64, input.shape(), logs);
    std::vector<Tensor> outputs = one(HF_TRY(cast_tensor(loss, input.dtype())));
    outputs.push_back(HF_TRY(cast_tensor(all, input.dtype())));
    return outputs;
}

}  // namespace

std::vector<OpRow> loss_rows() {
    return {{"", "NegativeLogLikelihoodLoss", negative_log_likelihood},
            {"", "SoftmaxCrossEntropyLoss", softmax_cross_entropy}};
}

}  // namespace hf::runtime::ref
