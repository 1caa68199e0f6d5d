// Operators of com.microsoft that join a layer with its activation: FusedConv, FusedGemm,
// FusedMatMul, and the Gelu family with a bias.

#include <cmath>

#include "runtime/ref/ops/compose.h"

namespace hf::runtime::ref {
namespace {

Tensor optional_input(const OpContext& context, std::size_t index) {
    return context.input(index) ? *context.input(index) : Tensor();
}

// The attribute `activation`, with parameters as the list or as single attributes.
Result<Tensor> activate(const OpContext& context, Tensor x) {
    const graph::Node& node = context.node;
    const std::string name = node.string_or("activation", "");
    if (name.empty()) return x;
    const std::vector<float> list = node.floats_or("activation_params", {});
    const auto parameter = [&](std::size_t index, std::string_view attribute, float fallback) {
        return index < list.size() ? list[index] : node.float_or(attribute, fallback);
    };
    if (name == "Relu" || name == "Tanh" || name == "Sigmoid" || name == "Softplus" ||
        name == "HardSwish") {
        return call_one(context, name, {std::move(x)});
    }
    if (name == "LeakyRelu") {
        return call_one(context, name, {std::move(x)},
                        {{"alpha", parameter(0, "activation_alpha", 0.01f)}});
    }
    if (name == "HardSigmoid") {
        return call_one(context, name, {std::move(x)},
                        {{"alpha", parameter(0, "activation_alpha", 0.2f)},
                         {"beta", parameter(1, "activation_beta", 0.5f)}});
    }
    if (name == "Clip" && list.size() == 2) {
        return call_one(context, name, {std::move(x)}, {{"min", list[0]}, {"max", list[1]}});
    }
    return unimplemented("activation '{}'", name);
}

Outputs fused_conv(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0)), weights = HF_TRY(need_input(context, 1));
    Tensor out = HF_TRY(call_one(context, "Conv", {x, weights, optional_input(context, 2)},
                                 context.node.attributes));
    if (const Tensor* sum = context.input(3)) {
        if (sum->shape() != out.shape()) {
            return invalid_argument("the sum {} does not fit {}", sum->shape().to_string(),
                                    out.shape().to_string());
        }
        out = HF_TRY(call_one(context, "Add", {out, *sum}));
    }
    return one(HF_TRY(activate(context, std::move(out))));
}

Outputs fused_gemm(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0)), b = HF_TRY(need_input(context, 1));
    Tensor out = HF_TRY(
        call_one(context, "Gemm", {a, b, optional_input(context, 2)}, context.node.attributes));
    return one(HF_TRY(activate(context, std::move(out))));
}

// The tensor with its last two axes turned around.
Result<Tensor> turned(const OpContext& context, const Tensor& tensor) {
    const std::size_t rank = tensor.shape().rank();
    if (rank < 2) return tensor;
    std::vector<std::int64_t> order;
    for (std::size_t i = 0; i < rank; ++i) order.push_back(static_cast<std::int64_t>(i));
    std::swap(order[rank - 1], order[rank - 2]);
    return call_one(context, "Transpose", {tensor}, {{"perm", order}});
}

Outputs fused_matmul(const OpContext& context) {
    const graph::Node& node = context.node;
    Tensor a = HF_TRY(need_input(context, 0)), b = HF_TRY(need_input(context, 1));
    if (node.int_or("transBatchA", 0) != 0 || node.int_or("transBatchB", 0) != 0) {
        return unimplemented("transposed batches");
    }
    if (node.int_or("transA", 0) != 0) a = HF_TRY(turned(context, a));
    if (node.int_or("transB", 0) != 0) b = HF_TRY(turned(context, b));
    const Tensor product = HF_TRY(call_one(context, "MatMul", {a, b}));
    const float alpha = node.float_or("alpha", 1);
    if (alpha == 1) return one(product);
    const Tensor factor = HF_TRY(
        cast_tensor(Tensor::of<float>(DType::kF32, {}, std::span(&alpha, 1)), product.dtype()));
    return one(HF_TRY(call_one(context, "Mul", {product, factor})));
}

// x plus the bias of input 1, which stretches to it.
Result<Tensor> biased(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (!context.input(1)) return x;
    const Tensor bias = HF_TRY(expand_to(*context.input(1), x.shape()));
    return call_one(context, "Add", {x, bias});
}

Outputs bias_gelu(const OpContext& context) {
    HF_TRY(need_input(context, 1));
    return one(HF_TRY(call_one(context, "Gelu", {HF_TRY(biased(context))})));
}

Outputs fast_gelu(const OpContext& context) {
    return one(HF_TRY(call_one(context, "Gelu", {HF_TRY(biased(context))},
                               {{"approximate", std::string("tanh")}})));
}

// x times the sigmoid of alpha x: QuickGelu, and Swish of ai.onnx.
Outputs sigmoid_gated(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (!is_float(input.dtype())) return invalid_argument("want real numbers");
    const float usual = context.node.op == "QuickGelu" ? 1.702f : 1.0f;
    const double alpha = double{context.node.float_or("alpha", usual)};
    std::vector<double> values = HF_TRY(to_doubles(input));
    for (double& x : values) x /= 1 + std::exp(-alpha * x);
    const Tensor out = Tensor::of<double>(DType::kF64, input.shape(), values);
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

}  // namespace

std::vector<OpRow> contrib_fused_rows() {
    constexpr std::string_view kDomain = "com.microsoft";
    return {{kDomain, "FusedConv", fused_conv},
            {kDomain, "FusedGemm", fused_gemm},
            {kDomain, "FusedMatMul", fused_matmul},
            {kDomain, "BiasGelu", bias_gelu},
            {kDomain, "FastGelu", fast_gelu},
            {kDomain, "QuickGelu", sigmoid_gated},
            {"", "Swish", sigmoid_gated}};
}

}  // namespace hf::runtime::ref
