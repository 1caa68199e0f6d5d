// Attention of com.microsoft: queries, keys and values by one product, heads side by side, an
// optional past, mask and bias. In double.

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/ref/ops/integer.h"

namespace hf::runtime::ref {
namespace {

struct Plan {
    std::int64_t batch, steps, past, heads;
    std::int64_t keys, values;  // the width of a head
    double scale, filter;
    bool causal;

    std::int64_t total() const { return past + steps; }
};

// One head's rows, [batch, heads, length, width], in one vector.
struct Heads {
    std::vector<double> data;
    std::int64_t heads, length, width;

    double* row(std::int64_t batch, std::int64_t head, std::int64_t step) {
        return data.data() + ((batch * heads + head) * length + step) * width;
    }
};

Result<Plan> make_plan(const OpContext& context, const Tensor& x, const Tensor& weights) {
    const graph::Node& node = context.node;
    const std::int64_t heads = node.int_or("num_heads", 0);
    if (x.shape().rank() != 3 || weights.shape().rank() != 2 ||
        x.shape()[2] != weights.shape()[0] || x.elements() == 0) {
        return invalid_argument("input {} does not fit weights {}", x.shape().to_string(),
                                weights.shape().to_string());
    }
    const std::int64_t width = weights.shape()[1];
    const auto sizes = node.ints_or("qkv_hidden_sizes", {width / 3, width / 3, width / 3});
    const bool fits = sizes.size() == 3 && heads >= 1 && sizes[0] >= 1 && sizes[2] >= 1 &&
                      sizes[0] == sizes[1] && sizes[0] <= width && sizes[2] <= width &&
                      sizes[0] * 2 + sizes[2] == width && sizes[0] % heads == 0 &&
                      sizes[2] % heads == 0;
    if (!fits) return invalid_argument("{} heads do not fit a width of {}", heads, width);
    if (node.int_or("do_rotary", 0) != 0) return unimplemented("do_rotary");
    Plan plan{x.shape()[0],
              x.shape()[1],
              0,
              heads,
              sizes[0] / heads,
              sizes[2] / heads,
              0,
              0,
              node.int_or("unidirectional", 0) != 0};
    plan.scale = double{node.float_or("scale", 0)};
    if (plan.scale == 0) plan.scale = 1 / std::sqrt(static_cast<double>(plan.keys));
    plan.filter = double{node.float_or("mask_filter_value", -10000.0f)};
    if (const Tensor* past = context.input(4)) {
        const Shape& s = past->shape();
        if (s.rank() != 5 || s[0] != 2 || s[1] != plan.batch || s[2] != heads ||
            s[4] != plan.keys || plan.keys != plan.values) {
            return invalid_argument("past {} does not fit", s.to_string());
        }
        plan.past = s[3];
    }
    return plan;
}

// Which columns of the product: `width` for each head from `first` on.
struct Columns {
    std::int64_t first, width;
};

// Those columns, split into heads behind those of the past.
Result<Heads> split_heads(const Plan& plan, const Tensor& product, const Columns& part,
                          const std::vector<double>& past) {
    const auto [first, width] = part;
    const std::int64_t before = past.empty() ? 0 : plan.past;
    const Shape shape{plan.batch, plan.heads, before + plan.steps, width};
    Heads heads{HF_TRY(to_doubles(HF_TRY(make_tensor(DType::kF64, shape)))), plan.heads, shape[2],
                width};
    const auto values = product.values<double>();
    const std::int64_t columns = product.shape()[2];
    for (std::int64_t b = 0; b < plan.batch; ++b) {
        for (std::int64_t h = 0; h < plan.heads; ++h) {
            const double* old = past.data() + (b * plan.heads + h) * before * width;
            std::copy(old, old + before * width, heads.row(b, h, 0));
            for (std::int64_t s = 0; s < plan.steps; ++s) {
                const double* from =
                    values.data() + (b * plan.steps + s) * columns + first + h * width;
                std::copy(from, from + width, heads.row(b, h, before + s));
            }
        }
    }
    return heads;
}

// What the mask (input 3) adds to the scores [batch, steps, total]: per sequence its length, or its
// end and start, or per token of it, or per pair of tokens.
Result<std::vector<double>> read_mask(const OpContext& context, const Plan& plan) {
    const std::int64_t total = plan.total();
    std::vector<double> added =
        HF_TRY(to_doubles(HF_TRY(make_tensor(DType::kF64, {plan.batch, plan.steps, total}))));
    const Tensor* given = context.input(3);
    const std::vector<std::int64_t> mask =
        given ? HF_TRY(to_int64s(*given)) : std::vector<std::int64_t>();
    const Shape shape = given ? given->shape() : Shape();
    const bool lengths = shape == Shape{plan.batch}, ranges = shape == Shape{2 * plan.batch};
    const bool tokens = shape == Shape{plan.batch, total};
    const bool pairs = shape == Shape{plan.batch, plan.steps, total};
    if (given && !lengths && !ranges && !tokens && !pairs) {
        return unimplemented("a mask of {}", shape.to_string());
    }
    std::size_t index = 0;
    for (std::int64_t b = 0; b < plan.batch; ++b) {
        for (std::int64_t s = 0; s < plan.steps; ++s) {
            for (std::int64_t t = 0; t < total; ++t, ++index) {
                bool kept = true;
                if (lengths || ranges) kept = t < mask[static_cast<std::size_t>(b)];
                if (ranges) kept = kept && t >= mask[static_cast<std::size_t>(plan.batch + b)];
                if (tokens) kept = mask[static_cast<std::size_t>(b * total + t)] > 0;
                if (pairs) kept = mask[index] > 0;
                if (!kept) added[index] += plan.filter;
                if (plan.causal && t > plan.past + s) {
                    added[index] = std::numeric_limits<float>::lowest();
                }
            }
        }
    }
    return added;
}

void softmax(std::vector<double>& scores) {
    const double peak = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (double& x : scores) sum += x = std::exp(x - peak);
    for (double& x : scores) x /= sum;
}

struct Parts {
    Heads queries, keys, values;
    std::vector<double> mask;  // [batch, steps, total]
    std::vector<double> bias;  // [batch, heads, steps, total]; empty without one
};

// [batch, steps, heads * width of a value].
Result<Tensor> attend(const Plan& plan, Parts& parts) {
    Tensor out =
        HF_TRY(make_tensor(DType::kF64, {plan.batch, plan.steps, plan.heads * plan.values}));
    const std::int64_t total = plan.total();
    std::vector<double> scores(static_cast<std::size_t>(total));
    for (std::int64_t b = 0; b < plan.batch; ++b) {
        for (std::int64_t h = 0; h < plan.heads; ++h) {
            for (std::int64_t s = 0; s < plan.steps; ++s) {
                const double* query = parts.queries.row(b, h, s);
                for (std::int64_t t = 0; t < total; ++t) {
                    const double* key = parts.keys.row(b, h, t);
                    double dot = 0;
                    for (std::int64_t i = 0; i < plan.keys; ++i) dot += query[i] * key[i];
                    const std::int64_t pair = s * total + t, area = plan.steps * total;
                    double& score = scores[static_cast<std::size_t>(t)];
                    score =
                        dot * plan.scale + parts.mask[static_cast<std::size_t>(b * area + pair)];
                    if (parts.bias.empty()) continue;
                    score +=
                        parts.bias[static_cast<std::size_t>((b * plan.heads + h) * area + pair)];
                }
                softmax(scores);
                double* to = out.mutable_values<double>().data() +
                             ((b * plan.steps + s) * plan.heads + h) * plan.values;
                for (std::int64_t t = 0; t < total; ++t) {
                    const double* value = parts.values.row(b, h, t);
                    for (std::int64_t i = 0; i < plan.values; ++i) {
                        to[i] += scores[static_cast<std::size_t>(t)] * value[i];
                    }
                }
            }
        }
    }
    return out;
}

// Input times weights plus bias, in double.
Result<Tensor> project(const OpContext& context, const Tensor& x, const Tensor& weights) {
    const Tensor product = HF_TRY(matrix_product(HF_TRY(cast_tensor(x, DType::kF64)),
                                                 HF_TRY(cast_tensor(weights, DType::kF64))));
    if (!context.input(2)) return product;
    const std::vector<double> bias =
        HF_TRY(to_doubles(HF_TRY(expand_to(*context.input(2), product.shape()))));
    Tensor sum = HF_TRY(make_tensor(DType::kF64, product.shape()));
    for (std::size_t i = 0; i < bias.size(); ++i) {
        sum.mutable_values<double>()[i] = product.values<double>()[i] + bias[i];
    }
    return sum;
}

// Input, weights, bias, mask, past, bias of the scores.
Outputs attention(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0)), weights = HF_TRY(need_input(context, 1));
    const Plan plan = HF_TRY(make_plan(context, x, weights));
    const Tensor product = HF_TRY(project(context, x, weights));
    std::vector<double> past;
    if (context.input(4)) past = HF_TRY(to_doubles(*context.input(4)));
    const auto half = static_cast<std::ptrdiff_t>(past.size() / 2);
    const std::vector<double> old_keys(past.begin(), past.begin() + half);
    const std::vector<double> old_values(past.begin() + half, past.end());
    const std::int64_t wide = plan.heads * plan.keys;
    // Each by itself: GCC 12 leaks the earlier members of a braced list that is left early.
    Heads queries = HF_TRY(split_heads(plan, product, {0, plan.keys}, {}));
    Heads keys = HF_TRY(split_heads(plan, product, {wide, plan.keys}, old_keys));
    Heads values = HF_TRY(split_heads(plan, product, {2 * wide, plan.values}, old_values));
    auto mask = HF_TRY(read_mask(context, plan));
    Parts parts{std::move(queries), std::move(keys), std::move(values), std::move(mask), {}};
    if (const Tensor* bias = context.input(5)) {
        const Shape shape{plan.batch, plan.heads, plan.steps, plan.total()};
        parts.bias = HF_TRY(to_doubles(HF_TRY(expand_to(*bias, shape))));
    }
    const Tensor out = HF_TRY(attend(plan, parts));
    std::vector<Tensor> outputs = one(HF_TRY(cast_tensor(out, x.dtype())));
    if (plan.keys != plan.values) return outputs;
    std::vector<double> present = std::move(parts.keys.data);
    present.insert(present.end(), parts.values.data.begin(), parts.values.data.end());
    const Shape shape{2, plan.batch, plan.heads, plan.total(), plan.keys};
    outputs.push_back(HF_TRY(cast_tensor(
        Tensor::of<double>(DType::kF64, shape, std::span<const double>(present)), x.dtype())));
    return outputs;
}

}  // namespace

std::vector<OpRow> attention_rows() {
    return {{"com.microsoft", "Attention", attention}};
}

}  // namespace hf::runtime::ref
