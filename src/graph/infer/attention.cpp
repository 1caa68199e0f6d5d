// Transformer layers of com.microsoft: attention, and normalisation of sums and embeddings.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// Input [batch, steps, width], weights [width, queries + keys + values].
Status attention(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(1);
    if (!x || !weights) return context.set(0, context.dtype(0), std::nullopt);
    if (x->rank() != 3 || weights->rank() != 2) {
        return invalid_argument("input {} does not fit weights {}", x->to_string(),
                                weights->to_string());
    }
    const auto sizes = context.node.ints_or("qkv_hidden_sizes", {});
    std::int64_t values = (*weights)[1] == kUnknown ? kUnknown : (*weights)[1] / 3;
    if (sizes.size() == 3) values = sizes[2];
    if (values < kUnknown) return invalid_argument("values of width {}", values);
    return context.set(0, context.dtype(0), Shape{(*x)[0], (*x)[1], values});
}

// Also the mean and the inverse deviation of each lane, and the sum that was normalised.
Status skip_layer_normalization(Context& context) {
    const Shape* from = context.shape(0);
    HF_TRY(same_as_input(context));
    if (!from || from->rank() == 0) return {};
    Shape lanes = *from;
    lanes[lanes.rank() - 1] = 1;
    HF_TRY(context.set(1, DType::kF32, lanes));
    HF_TRY(context.set(2, DType::kF32, lanes));
    return context.set(3, context.dtype(0), *from);
}

// Tokens [batch, steps] and a table of words [words, width].
Status embed_layer_normalization(Context& context) {
    const Shape* ids = context.shape(0);
    const Shape* words = context.shape(2);
    const std::optional<DType> dtype = context.dtype(2);
    if (!ids || !words) return context.set(0, dtype, std::nullopt);
    if (ids->rank() != 2 || words->rank() != 2) {
        return invalid_argument("tokens {} do not fit a table {}", ids->to_string(),
                                words->to_string());
    }
    const Shape to{(*ids)[0], (*ids)[1], (*words)[1]};
    HF_TRY(context.set(0, dtype, to));
    HF_TRY(context.set(1, DType::kI32, Shape{(*ids)[0]}));
    return context.set(2, dtype, to);
}

}  // namespace

std::vector<Row> attention_rows() {
    constexpr std::string_view kDomain = "com.microsoft";
    return {{kDomain, "Attention", attention},
            {kDomain, "SkipLayerNormalization", skip_layer_normalization},
            {kDomain, "SkipSimplifiedLayerNormalization", skip_layer_normalization},
            {kDomain, "EmbedLayerNormalization", embed_layer_normalization}};
}

}  // namespace hf::graph::infer
