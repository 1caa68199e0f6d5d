// Losses, and the steps of optimizers.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

std::optional<Shape> copy(const Shape* shape) {
    return shape ? std::optional<Shape>(*shape) : std::nullopt;
}

// Scores [N, C, ...] with labels [N, ...].
Status loss(Context& context) {
    const Shape* scores = context.shape(0);
    const Shape* labels = context.shape(1);
    if (scores && labels && (scores->rank() < 2 || labels->rank() + 1 != scores->rank())) {
        return invalid_argument("labels {} do not fit scores {}", labels->to_string(),
                                scores->to_string());
    }
    const bool reduced = context.node.string_or("reduction", "mean") != "none";
    HF_TRY(context.set(0, context.dtype(0), reduced ? Shape() : copy(labels)));
    return context.set(1, context.dtype(0), copy(scores));
}

// Rate and count, then as many tensors of each kind: weights, gradients, one state or two. The
// outputs are the new weights and states.
Status optimizer_step(Context& context) {
    const std::size_t kinds = context.node.op == "Adam" ? 4 : 3;
    const std::size_t given = context.node.inputs.size();
    if (given < 2 + kinds || (given - 2) % kinds != 0) {
        return invalid_argument("{} inputs are not 2 and {} of each weight", given, kinds);
    }
    const std::size_t weights = (given - 2) / kinds;
    for (std::size_t i = 0; i < context.output_count(); ++i) {
        const std::size_t from = 2 + (i < weights ? i : i + weights);
        HF_TRY(context.set(i, context.dtype(from), copy(context.shape(from))));
    }
    return {};
}

}  // namespace

std::vector<Row> loss_rows() {
    constexpr std::string_view kTraining = "ai.onnx.preview.training";
    return {{"", "NegativeLogLikelihoodLoss", loss},
            {"", "SoftmaxCrossEntropyLoss", loss},
            {kTraining, "Adagrad", optimizer_step},
            {kTraining, "Adam", optimizer_step},
            {kTraining, "Momentum", optimizer_step}};
}

}  // namespace hf::graph::infer
