// Unique: the different elements of a tensor, or its different slices along an axis.

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Negative, zero or positive as x sorts before, with or behind y. Every NaN is last.
template <typename T>
int order_of(const T& x, const T& y) {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(x) || std::isnan(y)) return int{std::isnan(x)} - int{std::isnan(y)};
    }
    return x < y ? -1 : y < x ? 1 : 0;
}

// Compares slice i with slice j, element by element.
using Compare = std::function<int(std::int64_t, std::int64_t)>;

template <typename Values>
Compare compare_slices(Values values, const AxisSplit& split) {
    return [values, split](std::int64_t i, std::int64_t j) {
        for (std::int64_t k = 0; k < split.outer * split.inner; ++k) {
            const std::int64_t start = k / split.inner * split.extent * split.inner;
            const std::int64_t place = start + k % split.inner;
            const int order = order_of(values[static_cast<std::size_t>(place + i * split.inner)],
                                       values[static_cast<std::size_t>(place + j * split.inner)]);
            if (order != 0) return order;
        }
        return 0;
    };
}

Result<Compare> comparison_of(const Tensor& input, const AxisSplit& split) {
    if (input.dtype() == DType::kString) {
        return compare_slices(std::span(input.strings()), split);
    }
    return visit_real(input.dtype(), [&](auto zero) -> Result<Compare> {
        return compare_slices(input.values<decltype(zero)>(), split);
    });
}

struct Groups {
    std::vector<std::int64_t> first;    // of each group, the first slice
    std::vector<std::int64_t> inverse;  // of each slice, its group
    std::vector<std::int64_t> counts;
};

Groups group(std::int64_t slices, const Compare& compare, bool sorted) {
    std::vector<std::int64_t> order(static_cast<std::size_t>(slices));
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(),
                     [&](std::int64_t i, std::int64_t j) { return compare(i, j) < 0; });
    std::vector<std::vector<std::int64_t>> groups;
    for (std::int64_t slice : order) {
        if (groups.empty() || compare(groups.back()[0], slice) != 0) groups.emplace_back();
        groups.back().push_back(slice);
    }
    if (!sorted) std::sort(groups.begin(), groups.end());
    Groups result;
    result.inverse.resize(order.size());
    for (std::size_t i = 0; i < groups.size(); ++i) {
        for (std::int64_t slice : groups[i]) {
            result.inverse[static_cast<std::size_t>(slice)] = static_cast<std::int64_t>(i);
        }
        result.first.push_back(groups[i][0]);
        result.counts.push_back(static_cast<std::int64_t>(groups[i].size()));
    }
    return result;
}

Outputs unique(const OpContext& context) {
    Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, unique);
    if (!context.node.has("axis")) input = input.reshaped({input.elements()});
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    const AxisSplit split = split_at(input.shape(), axis);
    const bool sorted = context.node.int_or("sorted", 1) != 0;
    const Compare compare = HF_TRY(comparison_of(input, split));
    const Groups groups = group(split.extent, compare, sorted);
    Shape shape = input.shape();
    shape[axis] = static_cast<std::int64_t>(groups.first.size());
    const std::vector<std::int64_t> strides = input.shape().strides();
    std::vector<Tensor> outputs = one(HF_TRY(move_elements(input, shape, [&](auto at) {
        const std::int64_t slice = groups.first[static_cast<std::size_t>(at[axis])];
        return dot(at, strides) + (slice - at[axis]) * strides[axis];
    })));
    for (const auto* list : {&groups.first, &groups.inverse, &groups.counts}) {
        const Shape length{static_cast<std::int64_t>(list->size())};
        outputs.push_back(
            Tensor::of<std::int64_t>(DType::kI64, length, std::span<const std::int64_t>(*list)));
    }
    return outputs;
}

}  // namespace

std::vector<OpRow> unique_rows() {
    return {{"", "Unique", unique}};
}

}  // namespace hf::runtime::ref
