// The 8-bit operators of com.microsoft beside ai.onnx's: each takes values, scale and zero point
// for every tensor, computes in single precision, and stores once.

#include <cmath>

#include "runtime/ref/ops/compose.h"
#include "runtime/ref/ops/integer.h"

namespace hf::runtime::ref {
namespace {

// The input at `index`, with scale and zero point behind it, as f32.
Result<Tensor> read_real(const OpContext& context, std::size_t index) {
    const std::vector<float> values = HF_TRY(dequantized(context, index));
    return Tensor::of<float>(DType::kF32, context.inputs[index].shape(), std::span(values));
}

// What halves are rounded by: some operators of ONNX Runtime round the value, others the value with
// its zero point.
enum class Rounds : unsigned char { kValue, kSum };

// Stores what was computed, in the scale of an input and with the zero point behind it; in the type
// of the stored inputs.
Outputs store_real(const OpContext& context, const Tensor& real, std::size_t scale, Rounds rounds) {
    const DType dtype = context.inputs[scale == 0 ? 2 : 0].dtype();
    Target target = HF_TRY(target_of(context, scale, scale + 1));
    if (!context.input(scale + 1)) target.dtype = dtype;
    if (target.dtype != dtype) {
        return invalid_argument("{} in, {} out", dtype_name(dtype), dtype_name(target.dtype));
    }
    const float shift = rounds == Rounds::kSum ? static_cast<float>(target.zero) : 0;
    if (rounds == Rounds::kSum) target.zero = 0;
    std::vector<float> scaled;
    for (float x : real.values<float>()) scaled.push_back(x / target.scale + shift);
    return one(HF_TRY(store(scaled, real.shape(), target)));
}

Outputs qlinear_binary(const OpContext& context) {
    const Tensor a = HF_TRY(read_real(context, 0)), b = HF_TRY(read_real(context, 3));
    const std::string_view op = context.node.op == "QLinearAdd" ? "Add" : "Mul";
    return store_real(context, HF_TRY(call_one(context, op, {a, b})), 6, Rounds::kSum);
}

// One input; the attributes are those of the operator in real numbers.
Outputs qlinear_unary(const OpContext& context) {
    const std::string_view op = std::string_view(context.node.op).substr(sizeof "QLinear" - 1);
    if (context.node.int_or("channels_last", 0) != 0) return unimplemented("channels_last");
    const Tensor x = HF_TRY(read_real(context, 0));
    const Tensor y = HF_TRY(call_one(context, op, {x}, context.node.attributes));
    return store_real(context, y, 3, op == "AveragePool" ? Rounds::kSum : Rounds::kValue);
}

// Scale and zero point of the output, then those of each part behind it.
Outputs qlinear_concat(const OpContext& context) {
    const std::size_t given = context.inputs.size();
    if (given < 5 || (given - 2) % 3 != 0) return invalid_argument("{} inputs", given);
    std::vector<Tensor> parts;
    for (std::size_t i = 2; i < given; i += 3) parts.push_back(HF_TRY(read_real(context, i)));
    const Tensor all = HF_TRY(
        call_one(context, "Concat", std::move(parts), {{"axis", context.node.int_or("axis", 0)}}));
    return store_real(context, all, 0, Rounds::kValue);
}

struct MatmulFloat {
    Tensor sums;  // i64
    std::vector<float> left, right;
    const Tensor* bias;
};

// The sums in real numbers, plus a bias that stretches to them.
Outputs real_product(const OpContext& context, const MatmulFloat& product) {
    const Shape& shape = product.sums.shape();
    const std::size_t columns =
        shape.rank() == 0 ? 1 : static_cast<std::size_t>(shape[shape.rank() - 1]);
    if (product.left.size() != 1 ||
        (product.right.size() != 1 && product.right.size() != columns)) {
        return invalid_argument("{} and {} scales for a product of {}", product.left.size(),
                                product.right.size(), shape.to_string());
    }
    Tensor out = HF_TRY(make_tensor(DType::kF32, shape));
    const auto sums = product.sums.values<std::int64_t>();
    for (std::size_t i = 0; i < sums.size(); ++i) {
        const float right = product.right[product.right.size() == 1 ? 0 : i % columns];
        out.mutable_values<float>()[i] = static_cast<float>(sums[i]) * (product.left[0] * right);
    }
    if (!product.bias) return one(std::move(out));
    const Tensor bias = HF_TRY(expand_to(*product.bias, shape));
    return call(context, "Add", {out, bias});
}

Result<std::vector<float>> any_scales(const OpContext& context, std::size_t index) {
    const Tensor scales = HF_TRY(need_input(context, index));
    return scales_of(context, index, scales.elements());
}

// A, B, the scales of both, the zero points of both, bias.
Outputs matmul_integer_to_float(const OpContext& context) {
    // Each by itself: GCC 12 leaks the earlier members of a braced list that is left early.
    auto sums = HF_TRY(integer_product(context, {0, 4}, {1, 5}));
    auto left = HF_TRY(any_scales(context, 2));
    auto right = HF_TRY(any_scales(context, 3));
    return real_product(context,
                        {std::move(sums), std::move(left), std::move(right), context.input(6)});
}

// A in real numbers, which is quantised here; B, its scale and zero point, bias.
Outputs dynamic_quantize_matmul(const OpContext& context) {
    const std::vector<Tensor> stored =
        HF_TRY(call(context, "DynamicQuantizeLinear", {HF_TRY(need_input(context, 0))}));
    const Tensor zero = context.input(3) ? *context.input(3) : Tensor();
    const Tensor weights = HF_TRY(need_input(context, 1));
    const std::vector<Tensor> inputs{stored[0], weights, stored[2], zero};
    const OpContext inner{context.graph, context.node, inputs};
    auto sums = HF_TRY(integer_product(inner, {0, 2}, {1, 3}));
    auto scales = HF_TRY(any_scales(context, 2));
    return real_product(
        context,
        {std::move(sums), {stored[1].values<float>()[0]}, std::move(scales), context.input(4)});
}

}  // namespace

std::vector<OpRow> qlinear_contrib_rows() {
    constexpr std::string_view kDomain = "com.microsoft";
    std::vector<OpRow> rows{{kDomain, "QLinearAdd", qlinear_binary},
                            {kDomain, "QLinearMul", qlinear_binary},
                            {kDomain, "QLinearConcat", qlinear_concat},
                            {kDomain, "MatMulIntegerToFloat", matmul_integer_to_float},
                            {kDomain, "DynamicQuantizeMatMul", dynamic_quantize_matmul}};
    for (std::string_view op :
         {"QLinearSigmoid", "QLinearLeakyRelu", "QLinearAveragePool", "QLinearGlobalAveragePool"}) {
        rows.push_back({kDomain, op, qlinear_unary});
    }
    return rows;
}

}  // namespace hf::runtime::ref
