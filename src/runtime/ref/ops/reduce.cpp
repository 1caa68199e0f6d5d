// Reductions over axes, ArgMax and ArgMin, CumSum.

#include <cmath>
#include <limits>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Which axes go, and the shape that stays.
struct Reduction {
    std::vector<bool> reduced;
    Shape kept;  // with 1 where reduced
    Shape out;   // as the output has it
};

Result<Reduction> plan_reduction(const OpContext& context, const Shape& shape) {
    const std::vector<std::int64_t> axes = HF_TRY(ints_from(context, "axes", 1));
    const bool keep = context.node.int_or("keepdims", 1) != 0;
    const bool all = axes.empty() && context.node.int_or("noop_with_empty_axes", 0) == 0;
    Reduction plan;
    plan.reduced.assign(shape.rank(), all);
    for (std::int64_t axis : axes) plan.reduced[HF_TRY(normalize_axis(axis, shape.rank()))] = true;
    std::vector<std::int64_t> kept, out;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        kept.push_back(plan.reduced[i] ? 1 : shape[i]);
        if (!plan.reduced[i]) out.push_back(shape[i]);
        if (plan.reduced[i] && keep) out.push_back(1);
    }
    plan.kept = Shape(std::move(kept));
    plan.out = Shape(std::move(out));
    return plan;
}

// One accumulator an output element, from `start`: `step` folds an element in, `finish` turns it
// into the result.
template <typename T, typename Step, typename Finish>
struct Folding {
    T start;
    Step step;
    Finish finish;
};
template <typename T, typename Step, typename Finish>
Folding(T, Step, Finish) -> Folding<T, Step, Finish>;

template <typename T, typename Step, typename Finish>
Result<Tensor> fold(const Tensor& input, const Reduction& plan, Folding<T, Step, Finish> folding) {
    Tensor out = HF_TRY(make_tensor(input.dtype(), plan.out));
    std::vector<T> sums(static_cast<std::size_t>(out.elements()), folding.start);
    const std::vector<std::int64_t> strides = broadcast_strides(plan.kept, input.shape());
    const auto values = input.values<T>();
    std::vector<std::int64_t> at(input.shape().rank(), 0);
    std::int64_t folded = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
        T& sum = sums[static_cast<std::size_t>(dot(at, strides))];
        sum = folding.step(sum, values[i]);
        ++folded;
        next_coordinate(input.shape(), at);
    }
    const double each =
        sums.empty() ? 0 : static_cast<double>(folded) / static_cast<double>(sums.size());
    for (std::size_t i = 0; i < sums.size(); ++i) {
        out.mutable_values<T>()[i] = static_cast<T>(folding.finish(sums[i], each));
    }
    return out;
}

template <typename T>
T magnitude(T x) {
    return x < T{} ? static_cast<T>(T{} - x) : x;
}

template <typename T>
Result<Tensor> reduce(const std::string& op, const Tensor& input, const Reduction& plan) {
    const auto same = [](T sum, double) { return sum; };
    const auto add = [](T a, T x) { return static_cast<T>(a + x); };
    if (op == "ReduceSum") return fold(input, plan, Folding{T{}, add, same});
    if (op == "ReduceMean") {
        return fold(input, plan, Folding{T{}, add, [](T sum, double count) {
                                             return static_cast<double>(sum) / count;
                                         }});
    }
    if (op == "ReduceMax") {
        const T lowest = std::numeric_limits<T>::has_infinity ? -std::numeric_limits<T>::infinity()
                                                              : std::numeric_limits<T>::lowest();
        return fold(input, plan, Folding{lowest, [](T a, T x) { return x > a ? x : a; }, same});
    }
    if (op == "ReduceMin") {
        const T highest = std::numeric_limits<T>::has_infinity ? std::numeric_limits<T>::infinity()
                                                               : std::numeric_limits<T>::max();
        return fold(input, plan, Folding{highest, [](T a, T x) { return x < a ? x : a; }, same});
    }
    if (op == "ReduceProd") {
        return fold(input, plan,
                    Folding{T{1}, [](T a, T x) { return static_cast<T>(a * x); }, same});
    }
    if (op == "ReduceL1") {
        return fold(input, plan,
                    Folding{T{}, [](T a, T x) { return static_cast<T>(a + magnitude(x)); }, same});
    }
    const auto add_square = [](T a, T x) { return static_cast<T>(a + x * x); };
    if (op == "ReduceSumSquare") return fold(input, plan, Folding{T{}, add_square, same});
    if (op == "ReduceL2") {
        return fold(input, plan, Folding{T{}, add_square, [](T sum, double) {
                                             return std::sqrt(static_cast<double>(sum));
                                         }});
    }
    if (op == "ReduceLogSum") {
        return fold(input, plan, Folding{T{}, add, [](T sum, double) {
                                             return std::log(static_cast<double>(sum));
                                         }});
    }
    return HF_BUG("{} is no reduction", op);
}

// log(sum(exp(x))), shifted by the maximum so that nothing overflows.
Result<Tensor> log_sum_exp(const Tensor& input, const Reduction& plan) {
    const Tensor wide = HF_TRY(cast_tensor(input, DType::kF64));
    Reduction kept = plan;
    kept.out = plan.kept;
    const Tensor peak = HF_TRY(reduce<double>("ReduceMax", wide, kept));
    const std::vector<std::int64_t> strides = broadcast_strides(plan.kept, input.shape());
    Tensor sums(DType::kF64, plan.out);
    std::vector<std::int64_t> at(input.shape().rank(), 0);
    for (double x : wide.values<double>()) {
        const auto slot = static_cast<std::size_t>(dot(at, strides));
        const double shift =
            std::isfinite(peak.values<double>()[slot]) ? peak.values<double>()[slot] : 0;
        sums.mutable_values<double>()[slot] += std::exp(x - shift);
        next_coordinate(input.shape(), at);
    }
    for (std::size_t i = 0; i < static_cast<std::size_t>(sums.elements()); ++i) {
        const double shift = std::isfinite(peak.values<double>()[i]) ? peak.values<double>()[i] : 0;
        sums.mutable_values<double>()[i] = std::log(sums.values<double>()[i]) + shift;
    }
    return cast_tensor(sums, input.dtype());
}

Outputs reduction(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, reduction);
    const Reduction plan = HF_TRY(plan_reduction(context, input.shape()));
    if (context.node.op == "ReduceLogSumExp") return one(HF_TRY(log_sum_exp(input, plan)));
    return one(HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Result<Tensor> {
        return reduce<decltype(zero)>(context.node.op, input, plan);
    })));
}

Outputs arg_extreme(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, arg_extreme);
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    const bool largest = context.node.op == "ArgMax";
    const bool last = context.node.int_or("select_last_index", 0) != 0;
    std::vector<std::int64_t> extents = input.shape().extents();
    extents[axis] = 1;
    if (context.node.int_or("keepdims", 1) == 0) {
        extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(axis));
    }
    const AxisSplit split = split_at(input.shape(), axis);
    if (split.extent == 0) return invalid_argument("axis {} is empty", axis);
    Tensor out = HF_TRY(make_tensor(DType::kI64, Shape(std::move(extents))));
    HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        const auto values = input.values<T>();
        for (std::int64_t o = 0; o < split.outer; ++o) {
            for (std::int64_t i = 0; i < split.inner; ++i) {
                std::int64_t best = 0;
                const auto at = [&](std::int64_t a) {
                    return values[static_cast<std::size_t>((o * split.extent + a) * split.inner +
                                                           i)];
                };
                for (std::int64_t a = 1; a < split.extent; ++a) {
                    const bool better = largest ? at(a) > at(best) : at(a) < at(best);
                    if (better || (last && at(a) == at(best))) best = a;
                }
                out.mutable_values<std::int64_t>()[static_cast<std::size_t>(o * split.inner + i)] =
                    best;
            }
        }
        return {};
    }));
    return one(std::move(out));
}

Outputs cumulative_sum(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> axes = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (axes.size() != 1) return invalid_argument("axis must be one integer");
    const std::size_t axis = HF_TRY(normalize_axis(axes[0], input.shape().rank()));
    const bool exclusive = context.node.int_or("exclusive", 0) != 0;
    const bool reverse = context.node.int_or("reverse", 0) != 0;
    const AxisSplit split = split_at(input.shape(), axis);
    return one(HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        Tensor out(input.dtype(), input.shape());
        for (std::int64_t lane = 0; lane < split.outer * split.inner; ++lane) {
            const std::int64_t start =
                lane / split.inner * split.extent * split.inner + lane % split.inner;
            T sum{};
            for (std::int64_t step = 0; step < split.extent; ++step) {
                const std::int64_t a = reverse ? split.extent - 1 - step : step;
                const auto at = static_cast<std::size_t>(start + a * split.inner);
                const T before = sum;
                sum = static_cast<T>(sum + input.values<T>()[at]);
                out.template mutable_values<T>()[at] = exclusive ? before : sum;
            }
        }
        return out;
    })));
}

}  // namespace

std::vector<OpRow> reduce_rows() {
    std::vector<OpRow> rows;
    for (std::string_view op :
         {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
          "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"}) {
        rows.push_back({"", op, reduction});
    }
    rows.push_back({"", "ArgMax", arg_extreme});
    rows.push_back({"", "ArgMin", arg_extreme});
    rows.push_back({"", "CumSum", cumulative_sum});
    return rows;
}

}  // namespace hf::runtime::ref
