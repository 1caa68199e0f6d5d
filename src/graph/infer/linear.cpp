// Matrix products and recurrent layers.

#include <map>
#include <utility>

#include "base/text.h"
#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

Result<std::optional<Shape>> matrix_product(const Shape* left, const Shape* right) {
    if (!left || !right) return std::optional<Shape>();
    if (left->rank() == 0 || right->rank() == 0) return invalid_argument("a scalar operand");
    std::vector<std::int64_t> a = left->extents();
    std::vector<std::int64_t> b = right->extents();
    if (left->rank() == 1) a.insert(a.begin(), 1);
    if (right->rank() == 1) b.push_back(1);
    const std::int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
    const std::int64_t other = b[b.size() - 2];
    if (k != other && k != kUnknown && other != kUnknown) {
        return invalid_argument("{} times {}: inner extents differ", left->to_string(),
                                right->to_string());
    }
    const Shape batch_a(std::vector<std::int64_t>(a.begin(), a.end() - 2));
    const Shape batch_b(std::vector<std::int64_t>(b.begin(), b.end() - 2));
    std::vector<std::int64_t> out = HF_TRY(broadcast(batch_a, batch_b)).extents();
    if (left->rank() > 1) out.push_back(m);
    if (right->rank() > 1) out.push_back(n);
    return std::optional<Shape>(Shape(std::move(out)));
}

Status matmul(Context& context) {
    return context.set(0, context.dtype(0),
                       HF_TRY(matrix_product(context.shape(0), context.shape(1))));
}

Status matmul_integer(Context& context) {
    return context.set(0, DType::kI32, HF_TRY(matrix_product(context.shape(0), context.shape(1))));
}

Status qlinear_matmul(Context& context) {
    return context.set(0, context.dtype(7),
                       HF_TRY(matrix_product(context.shape(0), context.shape(3))));
}

// MatMulIntegerToFloat and DynamicQuantizeMatMul.
Status real_matmul(Context& context) {
    return context.set(0, DType::kF32, HF_TRY(matrix_product(context.shape(0), context.shape(1))));
}

// The shape with its last two axes turned around where the attribute says so.
std::optional<Shape> turned(const Context& context, std::size_t index, std::string_view attribute) {
    const Shape* shape = context.shape(index);
    if (!shape) return std::nullopt;
    Shape to = *shape;
    const std::size_t rank = to.rank();
    if (rank >= 2 && context.node.int_or(attribute, 0) != 0) std::swap(to[rank - 1], to[rank - 2]);
    return to;
}

Status fused_matmul(Context& context) {
    const std::optional<Shape> a = turned(context, 0, "transA"), b = turned(context, 1, "transB");
    return context.set(0, context.dtype(0),
                       HF_TRY(matrix_product(a ? &*a : nullptr, b ? &*b : nullptr)));
}

Status gemm(Context& context) {
    const Shape* a = context.shape(0);
    const Shape* b = context.shape(1);
    if (!a || !b) return context.set(0, context.dtype(0), std::nullopt);
    if (a->rank() != 2 || b->rank() != 2) {
        return invalid_argument("want two matrices, got {} and {}", a->to_string(), b->to_string());
    }
    const bool a_turned = context.node.int_or("transA", 0) != 0;
    const bool b_turned = context.node.int_or("transB", 0) != 0;
    const std::int64_t depth = (*a)[a_turned ? 0 : 1], other = (*b)[b_turned ? 1 : 0];
    if (depth != other && depth != kUnknown && other != kUnknown) {
        return invalid_argument("{} times {}: inner extents differ", a->to_string(),
                                b->to_string());
    }
    const Shape out{(*a)[a_turned ? 1 : 0], (*b)[b_turned ? 0 : 1]};
    if (const Shape* c = context.shape(2); c && out.is_known() && c->is_known()) {
        if (HF_TRY(broadcast(*c, out)) != out) {
            return invalid_argument("C of {} does not broadcast to {}", c->to_string(),
                                    out.to_string());
        }
    }
    return context.set(0, context.dtype(0), out);
}

// "ij,jk->ik" without ellipses; "ij,jk" gives the letters that occur once, in order.
std::string output_letters(const std::string& equation, std::string_view left) {
    const std::size_t arrow = equation.find("->");
    if (arrow != std::string::npos) return equation.substr(arrow + 2);
    std::map<char, int> counts;
    for (char letter : left) {
        if (letter != ',') ++counts[letter];
    }
    std::string letters;
    for (const auto& [letter, count] : counts) {
        if (count == 1) letters += letter;
    }
    return letters;
}

Status einsum(Context& context) {
    std::string equation;
    for (char c : context.node.string_or("equation", "")) {
        if (c != ' ') equation += c;
    }
    const std::string left = equation.substr(0, equation.find("->"));
    const std::vector<std::string_view> terms = split(left, ',');
    if (equation.find('.') != std::string::npos || terms.size() != context.node.inputs.size()) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    std::map<char, std::int64_t> extents;
    for (std::size_t i = 0; i < terms.size(); ++i) {
        const Shape* shape = context.shape(i);
        if (!shape || shape->rank() != terms[i].size()) {
            return context.set(0, context.dtype(0), std::nullopt);
        }
        for (std::size_t axis = 0; axis < terms[i].size(); ++axis) {
            std::int64_t& extent = extents.try_emplace(terms[i][axis], kUnknown).first->second;
            if (extent == kUnknown || extent == 1) extent = (*shape)[axis];
        }
    }
    std::vector<std::int64_t> out;
    for (char letter : output_letters(equation, left)) {
        const auto found = extents.find(letter);
        if (found == extents.end()) return invalid_argument("no input has axis '{}'", letter);
        out.push_back(found->second);
    }
    return context.set(0, context.dtype(0), Shape(std::move(out)));
}

// LSTM, GRU and RNN: X is [steps, batch, features], or [batch, steps, features] with layout 1.
Status recurrent(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* recurrence = context.shape(2);
    std::int64_t hidden = context.node.int_or("hidden_size", kUnknown);
    if (recurrence && recurrence->rank() == 3) hidden = (*recurrence)[2];
    const std::int64_t directions =
        context.node.string_or("direction", "forward") == "bidirectional" ? 2 : 1;
    if (hidden < kUnknown) return invalid_argument("hidden_size is {}", hidden);
    const bool batch_first = context.node.int_or("layout", 0) != 0;
    const bool shaped = x && x->rank() == 3;
    const std::int64_t steps = shaped ? (*x)[batch_first ? 1 : 0] : kUnknown;
    const std::int64_t batch = shaped ? (*x)[batch_first ? 0 : 1] : kUnknown;
    const Shape all = batch_first ? Shape{batch, steps, directions, hidden}
                                  : Shape{steps, directions, batch, hidden};
    const Shape last =
        batch_first ? Shape{batch, directions, hidden} : Shape{directions, batch, hidden};
    HF_TRY(context.set(0, context.dtype(0), all));
    HF_TRY(context.set(1, context.dtype(0), last));
    return context.set(2, context.dtype(0), last);
}

Status determinant(Context& context) {
    const Shape* from = context.shape(0);
    if (!from || from->rank() < 2) return context.set(0, context.dtype(0), std::nullopt);
    return context.set(0, context.dtype(0),
                       Shape(std::vector<std::int64_t>(from->begin(), from->end() - 2)));
}

}  // namespace

std::vector<Row> linear_rows() {
    return {{"", "MatMul", matmul},
            {"", "MatMulInteger", matmul_integer},
            {"", "QLinearMatMul", qlinear_matmul},
            {"", "Gemm", gemm},
            {"com.microsoft", "FusedGemm", gemm},
            {"com.microsoft", "FusedMatMul", fused_matmul},
            {"com.microsoft", "MatMulIntegerToFloat", real_matmul},
            {"com.microsoft", "DynamicQuantizeMatMul", real_matmul},
            {"", "Einsum", einsum},
            {"", "Det", determinant},
            {"", "LSTM", recurrent},
            {"", "GRU", recurrent},
            {"", "RNN", recurrent}};
}

}  // namespace hf::graph::infer
