// Layer normalisation of com.microsoft: of a sum (SkipLayerNormalization and its form without a
// mean) and of embeddings (EmbedLayerNormalization). Lanes are the last axis.

#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Adds the tensor, stretched, to the values of a tensor of this shape.
Status add(std::vector<double>& values, const Tensor& tensor, const Shape& shape) {
    const std::vector<double> other = HF_TRY(to_doubles(HF_TRY(expand_to(tensor, shape))));
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += other[i];
    return {};
}

struct Lanes {
    std::size_t width;
    std::vector<double> gamma, beta;
    double epsilon;
    bool centered;
};

Result<std::vector<double>> lane_input(const OpContext& context, std::size_t index,
                                       std::size_t width, double fallback) {
    std::vector<double> values(width, fallback);
    if (context.input(index)) values = HF_TRY(to_doubles(*context.input(index)));
    if (values.size() == width) return values;
    return invalid_argument("input {} has {} values for lanes of {}", index, values.size(), width);
}

struct Statistics {
    std::vector<double> means, inverses;
};

Statistics normalize(std::vector<double>& values, const Lanes& lanes) {
    Statistics statistics;
    const double size = static_cast<double>(lanes.width);
    for (std::size_t start = 0; start < values.size(); start += lanes.width) {
        const auto lane = std::span(values).subspan(start, lanes.width);
        double mean = 0, variance = 0;
        for (double x : lane) mean += lanes.centered ? x / size : 0;
        for (double x : lane) variance += (x - mean) * (x - mean) / size;
        const double inverse = 1 / std::sqrt(variance + lanes.epsilon);
        for (std::size_t i = 0; i < lane.size(); ++i) {
            lane[i] = (lane[i] - mean) * inverse * lanes.gamma[i] + lanes.beta[i];
        }
        statistics.means.push_back(mean);
        statistics.inverses.push_back(inverse);
    }
    return statistics;
}

Result<Tensor> made(const std::vector<double>& values, const Shape& shape, DType dtype) {
    return cast_tensor(Tensor::of<double>(DType::kF64, shape, std::span(values)), dtype);
}

// Input and skip, gamma, beta (not in the form without a mean), bias.
Outputs skip_layer_normalization(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0)), skip = HF_TRY(need_input(context, 1));
    HF_TRY(need_input(context, 2));
    const Shape& shape = input.shape();
    if (shape.rank() < 2 || shape.elements() == 0) {
        return invalid_argument("want lanes, got {}", shape.to_string());
    }
    const bool centered = context.node.op == "SkipLayerNormalization";
    const auto width = static_cast<std::size_t>(shape[shape.rank() - 1]);
    std::vector<double> scale = HF_TRY(lane_input(context, 2, width, 1));
    Lanes lanes{width, std::move(scale), {}, 0, centered};
    lanes.beta = HF_TRY(lane_input(context, centered ? 3 : context.inputs.size(), width, 0));
    lanes.epsilon = double{context.node.float_or("epsilon", 1e-12f)};
    std::vector<double> values = HF_TRY(to_doubles(input));
    HF_TRY(add(values, skip, shape));
    if (const Tensor* bias = context.input(centered ? 4 : 3)) HF_TRY(add(values, *bias, shape));
    const Tensor sum = HF_TRY(made(values, shape, input.dtype()));
    const Statistics statistics = normalize(values, lanes);
    Shape reduced = shape;
    reduced[shape.rank() - 1] = 1;
    std::vector<Tensor> outputs = one(HF_TRY(made(values, shape, input.dtype())));
    outputs.push_back(HF_TRY(made(statistics.means, reduced, DType::kF32)));
    outputs.push_back(HF_TRY(made(statistics.inverses, reduced, DType::kF32)));
    outputs.push_back(sum);
    return outputs;
}

// Adds the rows of a table [rows, width] that the indices name.
Status add_rows(std::vector<double>& values, const Tensor& table, const Tensor& indices,
                std::size_t width) {
    if (table.shape().rank() != 2 || table.shape()[1] != static_cast<std::int64_t>(width)) {
        return invalid_argument("a table {} of rows of {}", table.shape().to_string(), width);
    }
    const std::vector<std::int64_t> rows = HF_TRY(to_int64s(indices));
    const std::vector<double> all = HF_TRY(to_doubles(table));
    if (rows.size() * width != values.size()) {
        return invalid_argument("{} indices for {} rows", rows.size(), values.size() / width);
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i] < 0 || rows[i] >= table.shape()[0]) {
            return invalid_argument("index {} of {} rows", rows[i], table.shape()[0]);
        }
        for (std::size_t j = 0; j < width; ++j) {
            values[i * width + j] += all[static_cast<std::size_t>(rows[i]) * width + j];
        }
    }
    return {};
}

// Position 0, 1, ... of every sequence, unless input 8 says otherwise.
Result<Tensor> positions(const OpContext& context, const Shape& ids) {
    if (const Tensor* given = context.input(8)) return expand_to(*given, ids);
    Tensor out = HF_TRY(make_tensor(DType::kI64, ids));
    for (std::int64_t i = 0; i < out.elements(); ++i) {
        out.mutable_values<std::int64_t>()[static_cast<std::size_t>(i)] = i % ids[1];
    }
    return out;
}

// How many tokens of each sequence the mask (input 7) keeps; 0 without one.
Result<Tensor> mask_lengths(const OpContext& context, const Shape& ids) {
    Tensor out = HF_TRY(make_tensor(DType::kI32, {ids[0]}));
    if (!context.input(7)) return out;
    const std::vector<std::int64_t> mask = HF_TRY(to_int64s(*context.input(7)));
    if (static_cast<std::int64_t>(mask.size()) != ids.elements()) {
        return invalid_argument("a mask of {} for tokens {}", mask.size(), ids.to_string());
    }
    for (std::size_t i = 0; i < mask.size(); ++i) {
        const std::size_t row = i / static_cast<std::size_t>(ids[1]);
        out.mutable_values<std::int32_t>()[row] += mask[i] != 0 ? 1 : 0;
    }
    return out;
}

// Tokens, segments, the tables of words, positions and segments, gamma, beta, mask, positions.
Outputs embed_layer_normalization(const OpContext& context) {
    const Tensor ids = HF_TRY(need_input(context, 0)), words = HF_TRY(need_input(context, 2));
    if (ids.shape().rank() != 2 || words.shape().rank() != 2 || ids.elements() == 0 ||
        words.elements() == 0) {
        return invalid_argument("tokens {} do not fit a table {}", ids.shape().to_string(),
                                words.shape().to_string());
    }
    const Shape shape{ids.shape()[0], ids.shape()[1], words.shape()[1]};
    const auto width = static_cast<std::size_t>(shape[2]);
    const Tensor zeros = HF_TRY(make_tensor(DType::kF64, shape));
    std::vector<double> values = HF_TRY(to_doubles(zeros));
    HF_TRY(add_rows(values, words, ids, width));
    HF_TRY(add_rows(values, HF_TRY(need_input(context, 3)), HF_TRY(positions(context, ids.shape())),
                    width));
    if (context.input(1)) {
        HF_TRY(add_rows(values, HF_TRY(need_input(context, 4)), *context.input(1), width));
    }
    const Tensor sum = HF_TRY(made(values, shape, words.dtype()));
    std::vector<double> gamma = HF_TRY(lane_input(context, 5, width, 1));
    std::vector<double> beta = HF_TRY(lane_input(context, 6, width, 0));
    normalize(values, {width, std::move(gamma), std::move(beta),
                       double{context.node.float_or("epsilon", 1e-12f)}, true});
    std::vector<Tensor> outputs = one(HF_TRY(made(values, shape, words.dtype())));
    outputs.push_back(HF_TRY(mask_lengths(context, ids.shape())));
    outputs.push_back(sum);
    return outputs;
}

}  // namespace

std::vector<OpRow> contrib_norm_rows() {
    constexpr std::string_view kDomain = "com.microsoft";
    return {{kDomain, "SkipLayerNormalization", skip_layer_normalization},
            {kDomain, "SkipSimplifiedLayerNormalization", skip_layer_normalization},
            {kDomain, "EmbedLayerNormalization", embed_layer_normalization}};
}

}  // namespace hf::runtime::ref
