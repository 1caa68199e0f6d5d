// Einsum: every letter is a loop; the output sums over the letters that it does not name.

#include <algorithm>
#include <map>

#include "base/text.h"
#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// No node multiplies more often than this: about what a product of matrices of 8,192 takes.
constexpr std::uint64_t kMaxProducts = std::uint64_t{1} << 39;

// The axes of an ellipsis, counted from the last: below every letter.
using Label = int;

struct Equation {
    std::vector<std::vector<Label>> terms;
    std::vector<Label> output;
};

struct Loops {
    Shape output, summed;
    // For each input, the step of each loop of `output` and of `summed`.
    std::vector<std::vector<std::int64_t>> output_steps, summed_steps;
};

// The labels of "ab...c" for a tensor of this rank.
Result<std::vector<Label>> labels_of(std::string_view term, std::size_t rank) {
    std::vector<Label> labels;
    const std::size_t dots = term.find("...");
    const std::size_t letters = dots == std::string_view::npos ? term.size() : term.size() - 3;
    if (letters > rank || (dots == std::string_view::npos && letters != rank)) {
        return invalid_argument("term '{}' does not fit {} axes", term, rank);
    }
    for (std::size_t i = 0; i < term.size(); ++i) {
        if (i == dots) {
            for (std::size_t axis = rank - letters; axis > 0; --axis) {
                labels.push_back(-static_cast<Label>(axis));
            }
            i += 2;
            continue;
        }
        const char c = term[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
            return invalid_argument("'{}' in term '{}'", c, term);
        }
        labels.push_back(c);
    }
    return labels;
}

// Without an arrow: the axes of ellipses, then the letters that occur once, in order.
std::vector<Label> implied_output(const Equation& equation) {
    std::map<Label, int> counts;
    for (const auto& term : equation.terms) {
        for (Label label : term) ++counts[label];
    }
    std::vector<Label> output;
    for (const auto& [label, count] : counts) {
        if (label < 0 || count == 1) output.push_back(label);
    }
    return output;
}

Result<Equation> read_equation(const OpContext& context) {
    std::string text;
    for (char c : context.node.string_or("equation", "")) {
        if (c != ' ') text += c;
    }
    const std::size_t arrow = text.find("->");
    const std::string left = text.substr(0, arrow);
    const std::vector<std::string_view> terms = split(left, ',');
    if (terms.size() != context.inputs.size()) {
        return invalid_argument("'{}' names {} tensors of {}", text, terms.size(),
                                context.inputs.size());
    }
    Equation equation;
    Label deepest = 0;
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const Tensor input = HF_TRY(need_input(context, i));
        equation.terms.push_back(HF_TRY(labels_of(terms[i], input.shape().rank())));
        for (Label label : equation.terms.back()) deepest = std::min(deepest, label);
    }
    equation.output = implied_output(equation);
    if (arrow == std::string::npos) return equation;
    const std::string right = text.substr(arrow + 2);
    const bool dots = right.find("...") != std::string::npos;
    const std::size_t rank = right.size() - (dots ? 3 : 0);
    equation.output =
        HF_TRY(labels_of(right, rank + (dots ? static_cast<std::size_t>(-deepest) : 0)));
    return equation;
}

Result<std::map<Label, std::int64_t>> extents_of(const OpContext& context,
                                                 const Equation& equation) {
    std::map<Label, std::int64_t> extents;
    for (std::size_t i = 0; i < equation.terms.size(); ++i) {
        const Shape& shape = context.inputs[i].shape();
        for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
            std::int64_t& extent = extents.try_emplace(equation.terms[i][axis], 1).first->second;
            if (extent == 1) extent = shape[axis];
            if (shape[axis] != 1 && shape[axis] != extent) {
                return invalid_argument("axis {} of input {} is {}, elsewhere {}", axis, i,
                                        shape[axis], extent);
            }
        }
    }
    return extents;
}

std::vector<std::int64_t> steps_of(const std::vector<Label>& loops, const std::vector<Label>& term,
                                   const Shape& shape) {
    const std::vector<std::int64_t> strides = shape.strides();
    std::vector<std::int64_t> steps(loops.size(), 0);
    for (std::size_t i = 0; i < loops.size(); ++i) {
        for (std::size_t axis = 0; axis < term.size(); ++axis) {
            if (term[axis] == loops[i] && shape[axis] != 1) steps[i] += strides[axis];
        }
    }
    return steps;
}

Result<Loops> plan_loops(const OpContext& context, const Equation& equation) {
    const std::map<Label, std::int64_t> extents = HF_TRY(extents_of(context, equation));
    std::vector<std::int64_t> kept, gone;
    std::vector<Label> summed;
    for (Label label : equation.output) {
        const auto found = extents.find(label);
        const auto times = std::count(equation.output.begin(), equation.output.end(), label);
        if (found == extents.end() || times != 1) {
            return invalid_argument("output axis '{}' is in no input, or twice in the output",
                                    static_cast<char>(label));
        }
        kept.push_back(found->second);
    }
    std::uint64_t products = 1;
    for (const auto& [label, extent] : extents) {
        const auto factor = static_cast<std::uint64_t>(std::max<std::int64_t>(extent, 1));
        if (products > kMaxProducts / factor) {
            return resource_exhausted("the equation takes more than {} products", kMaxProducts);
        }
        products *= factor;
        if (std::count(equation.output.begin(), equation.output.end(), label) > 0) continue;
        summed.push_back(label);
        gone.push_back(extent);
    }
    Loops loops{Shape(std::move(kept)), Shape(std::move(gone)), {}, {}};
    for (std::size_t i = 0; i < equation.terms.size(); ++i) {
        const Shape& shape = context.inputs[i].shape();
        loops.output_steps.push_back(steps_of(equation.output, equation.terms[i], shape));
        loops.summed_steps.push_back(steps_of(summed, equation.terms[i], shape));
    }
    return loops;
}

// The sum of products at one place of the output; `from` is where each input's loops start.
template <typename T, typename Sum>
Sum sum_products(const std::vector<const T*>& inputs, const Loops& loops,
                 const std::vector<std::int64_t>& from) {
    Sum sum{};
    if (loops.summed.elements() == 0) return sum;
    std::vector<std::int64_t> at(loops.summed.rank(), 0);
    do {
        Sum term{1};
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            term *= static_cast<Sum>(inputs[i][from[i] + dot(at, loops.summed_steps[i])]);
        }
        sum += term;
    } while (next_coordinate(loops.summed, at));
    return sum;
}

Outputs einsum(const OpContext& context) {
    const Tensor first = HF_TRY(need_input(context, 0));
    if (is_half(first.dtype())) return widen_halves(context, einsum);
    const Loops loops = HF_TRY(plan_loops(context, HF_TRY(read_equation(context))));
    for (const Tensor& input : context.inputs) {
        if (input.dtype() != first.dtype()) return invalid_argument("inputs differ in type");
    }
    Tensor out = HF_TRY(make_tensor(first.dtype(), loops.output));
    if (out.elements() == 0) return one(std::move(out));
    HF_TRY(visit_real(first.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        // Integers wrap; real numbers are summed in double.
        using Sum = std::conditional_t<std::is_integral_v<T>, std::uint64_t, double>;
        std::vector<const T*> inputs;
        for (const Tensor& input : context.inputs) inputs.push_back(input.values<T>().data());
        std::vector<std::int64_t> at(loops.output.rank(), 0), from(inputs.size());
        std::size_t index = 0;
        do {
            for (std::size_t i = 0; i < from.size(); ++i) from[i] = dot(at, loops.output_steps[i]);
            const Sum sum = sum_products<T, Sum>(inputs, loops, from);
            out.mutable_values<T>()[index++] = static_cast<T>(sum);
        } while (next_coordinate(loops.output, at));
        return {};
    }));
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> einsum_rows() {
    return {{"", "Einsum", einsum}};
}

}  // namespace hf::runtime::ref
