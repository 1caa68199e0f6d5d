// Matrix products: MatMul, Gemm and the integer form.

#include <array>

#include "runtime/ref/ops/integer.h"

namespace hf::runtime::ref {
namespace {

// C[m,n] += A[m,k] * B[k,n], row by row so that the inner loop runs over contiguous memory.
template <typename In, typename Out>
void multiply(const In* a, const In* b, Out* c, const std::array<std::int64_t, 3>& mkn) {
    const auto [m, k, n] = mkn;
    for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t p = 0; p < k; ++p) {
            const auto factor = static_cast<Out>(a[i * k + p]);
            const In* row = b + p * n;
            Out* to = c + i * n;
            for (std::int64_t j = 0; j < n; ++j) to[j] += factor * static_cast<Out>(row[j]);
        }
    }
}

struct Product {
    Shape out;    // of the result
    Shape batch;  // broadcast batch axes
    Shape a, b;   // with batch axes and two matrix axes
    std::array<std::int64_t, 3> mkn;
};

Result<Product> plan_product(const Shape& left, const Shape& right) {
    if (left.rank() == 0 || right.rank() == 0) return invalid_argument("a scalar operand");
    std::vector<std::int64_t> a = left.extents();
    std::vector<std::int64_t> b = right.extents();
    if (left.rank() == 1) a.insert(a.begin(), 1);
    if (right.rank() == 1) b.push_back(1);
    const std::int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
    if (b[b.size() - 2] != k) {
        return invalid_argument("{} times {}: inner extents differ", left.to_string(),
                                right.to_string());
    }
    Product plan;
    const Shape batch_a(std::vector<std::int64_t>(a.begin(), a.end() - 2));
    const Shape batch_b(std::vector<std::int64_t>(b.begin(), b.end() - 2));
    plan.batch = HF_TRY(broadcast(batch_a, batch_b));
    std::vector<std::int64_t> out = plan.batch.extents();
    if (left.rank() > 1) out.push_back(m);
    if (right.rank() > 1) out.push_back(n);
    plan.out = Shape(std::move(out));
    plan.a = batch_a;
    plan.b = batch_b;
    plan.mkn = {m, k, n};
    return plan;
}

template <typename In, typename Out>
Result<Tensor> product(const Tensor& a, const Tensor& b, DType out_type) {
    const Product plan = HF_TRY(plan_product(a.shape(), b.shape()));
    Tensor out = HF_TRY(make_tensor(out_type, plan.out));
    const auto [m, k, n] = plan.mkn;
    const std::vector<std::int64_t> strides_a = broadcast_strides(plan.a, plan.batch);
    const std::vector<std::int64_t> strides_b = broadcast_strides(plan.b, plan.batch);
    std::vector<std::int64_t> at(plan.batch.rank(), 0);
    if (out.elements() == 0) return out;
    Out* to = out.mutable_values<Out>().data();
    do {
        multiply(a.values<In>().data() + dot(at, strides_a) * m * k,
                 b.values<In>().data() + dot(at, strides_b) * k * n, to, plan.mkn);
        to += m * n;
    } while (next_coordinate(plan.batch, at));
    return out;
}

Outputs matmul(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0));
    if (is_half(a.dtype())) return widen_halves(context, matmul);
    const Tensor b = HF_TRY(need_input(context, 1));
    return one(HF_TRY(matrix_product(a, b)));
}

Outputs matmul_integer(const OpContext& context) {
    return one(HF_TRY(wrap_to_i32(HF_TRY(integer_product(context, {0, 2}, {1, 3})))));
}

Result<Tensor> transposed(const Tensor& matrix) {
    const Shape shape{matrix.shape()[1], matrix.shape()[0]};
    return move_elements(matrix, shape, [&](auto at) { return at[1] * shape[0] + at[0]; });
}

Outputs gemm(const OpContext& context) {
    Tensor a = HF_TRY(need_input(context, 0));
    if (is_half(a.dtype())) return widen_halves(context, gemm);
    Tensor b = HF_TRY(need_input(context, 1));
    if (a.shape().rank() != 2 || b.shape().rank() != 2 || a.dtype() != b.dtype()) {
        return invalid_argument("want two matrices of one type");
    }
    if (context.node.int_or("transA", 0)) a = HF_TRY(transposed(a));
    if (context.node.int_or("transB", 0)) b = HF_TRY(transposed(b));
    const double alpha = context.node.float_or("alpha", 1);
    const double beta = context.node.float_or("beta", 1);
    return one(HF_TRY(visit_real(a.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        Tensor out = HF_TRY((product<T, T>(a, b, a.dtype())));
        std::optional<Tensor> c;
        if (const Tensor* given = context.input(2)) {
            if (given->dtype() != a.dtype()) return invalid_argument("C has another type");
            c = HF_TRY(expand_to(*given, out.shape()));
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(out.elements()); ++i) {
            T& value = out.template mutable_values<T>()[i];
            value = static_cast<T>(static_cast<T>(alpha) * value);
            if (c)
                value = static_cast<T>(value + static_cast<T>(beta) * c->template values<T>()[i]);
        }
        return out;
    })));
}

}  // namespace

Result<Tensor> integer_product(const OpContext& context, Stored left, Stored right) {
    const Tensor a = HF_TRY(need_input(context, left.values));
    const Tensor b = HF_TRY(need_input(context, right.values));
    const std::size_t rank_a = a.shape().rank(), rank_b = b.shape().rank();
    // One zero point a row of the left operand, one a column of the right one.
    return product<std::int64_t, std::int64_t>(
        HF_TRY(less_zero_point(a, context.input(left.zero), rank_a < 2 ? rank_a : rank_a - 2)),
        HF_TRY(less_zero_point(b, context.input(right.zero), rank_b < 2 ? rank_b : rank_b - 1)),
        DType::kI64);
}

Result<Tensor> matrix_product(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype()) return invalid_argument("the operands differ in type");
    return visit_real(a.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        return product<T, T>(a, b, a.dtype());
    });
}

std::vector<OpRow> matmul_rows() {
    return {{"", "MatMul", matmul}, {"", "Gemm", gemm}, {"", "MatMulInteger", matmul_integer}};
}

}  // namespace hf::runtime::ref
