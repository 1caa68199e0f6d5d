// hf.Attention. See graph/hf_ops.md.

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

struct Operands {
    std::span<const float> query, key, value;
    std::int64_t queries, keys, heads, size;

    std::size_t at(std::int64_t length, std::int64_t batch, std::int64_t row,
                   std::int64_t head) const {
        return static_cast<std::size_t>(((batch * length + row) * heads + head) * size);
    }
};

// Where the scores of a batch, head and query find their mask; extents of 1 repeat.
std::span<const float> mask_row(const Tensor& mask, const std::array<std::int64_t, 3>& at) {
    const Shape& shape = mask.shape();
    std::int64_t row = 0;
    for (std::size_t i = 0; i < 3; ++i) row = row * shape[i] + (shape[i] == 1 ? 0 : at[i]);
    return mask.values<float>().subspan(static_cast<std::size_t>(row * shape[3]),
                                        static_cast<std::size_t>(shape[3]));
}

Status check(const OpContext& context, const Tensor& q, const Tensor& k, const Tensor& v) {
    const bool floats =
        q.dtype() == DType::kF32 && k.dtype() == DType::kF32 && v.dtype() == DType::kF32;
    if (!floats || q.shape().rank() != 4 || k.shape().rank() != 4 || k.shape() != v.shape() ||
        q.shape()[0] != k.shape()[0] || q.shape()[2] != k.shape()[2] ||
        q.shape()[3] != k.shape()[3] || k.shape()[1] == 0) {
        return invalid_argument("queries {}, keys {} and values {} do not fit",
                                q.shape().to_string(), k.shape().to_string(),
                                v.shape().to_string());
    }
    const Tensor* mask = context.input(3);
    if (!mask) return {};
    const std::array<std::int64_t, 4> full{q.shape()[0], q.shape()[2], q.shape()[1], k.shape()[1]};
    bool fits =
        mask->dtype() == DType::kF32 && mask->shape().rank() == 4 && mask->shape()[3] == full[3];
    for (std::size_t i = 0; fits && i < 3; ++i) {
        fits = mask->shape()[i] == 1 || mask->shape()[i] == full[i];
    }
    return fits ? Status()
                : invalid_argument("the mask {} does not fit", mask->shape().to_string());
}

void softmax(std::span<float> row) {
    const float top = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (float& x : row) sum += x = std::exp(x - top);
    for (float& x : row) x /= sum;
}

Outputs attention(const OpContext& context) {
    const Tensor q = HF_TRY(need_input(context, 0));
    const Tensor k = HF_TRY(need_input(context, 1));
    const Tensor v = HF_TRY(need_input(context, 2));
    HF_TRY(check(context, q, k, v));
    Tensor out = HF_TRY(make_tensor(DType::kF32, q.shape()));
    const Operands o{q.values<float>(), k.values<float>(), v.values<float>(), q.shape()[1],
                     k.shape()[1],      q.shape()[2],      q.shape()[3]};
    const float scale = context.node.float_or("scale", 1);
    const Tensor* mask = context.input(3);
    const auto size = static_cast<std::size_t>(o.size);
    std::vector<float> scores(static_cast<std::size_t>(o.keys));
    for (std::int64_t index = 0; index < q.shape()[0] * o.heads * o.queries; ++index) {
        const std::int64_t batch = index / o.queries / o.heads;
        const std::int64_t head = index / o.queries % o.heads, row = index % o.queries;
        const std::size_t query = o.at(o.queries, batch, row, head);
        for (std::int64_t t = 0; t < o.keys; ++t) {
            const std::size_t key = o.at(o.keys, batch, t, head);
            float sum = 0;
            for (std::size_t i = 0; i < size; ++i) sum += o.query[query + i] * o.key[key + i];
            const auto at = static_cast<std::size_t>(t);
            scores[at] = sum * scale + (mask ? mask_row(*mask, {batch, head, row})[at] : 0);
        }
        softmax(scores);
        const auto to = out.mutable_values<float>().subspan(query, size);
        for (std::size_t i = 0; i < size; ++i) {
            float sum = 0;
            for (std::int64_t t = 0; t < o.keys; ++t) {
                sum +=
                    scores[static_cast<std::size_t>(t)] * o.value[o.at(o.keys, batch, t, head) + i];
            }
            to[i] = sum;
        }
    }
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> hf_attention_rows() {
    return {{"hf", "Attention", attention}};
}

}  // namespace hf::runtime::ref
