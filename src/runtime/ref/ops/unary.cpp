// Elementwise operators of one input.

#include <bit>
#include <cmath>
#include <numbers>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// What a function may read besides the element.
struct Parameters {
    double alpha;
    double beta;
    double gamma;
};

using RealFunction = double (*)(double x, const Parameters& p);

template <typename T>
Tensor map(const Tensor& input, RealFunction function, const Parameters& parameters) {
    Tensor out(input.dtype(), input.shape());
    const auto in = input.values<T>();
    const auto to = out.mutable_values<T>();
    for (std::size_t i = 0; i < in.size(); ++i) {
        to[i] = static_cast<T>(function(static_cast<double>(in[i]), parameters));
    }
    return out;
}

double round_half_even(double x) {
    return std::nearbyint(x);
}
double sigmoid(double x) {
    return 1.0 / (1.0 + std::exp(-x));
}
double softplus(double x) {
    return x > 30 ? x : std::log1p(std::exp(x));
}

struct UnaryRow {
    std::string_view op;
    double alpha, beta, gamma;  // defaults of the attributes of these names
    RealFunction function;
};

#define HF_FN(expression) \
    [](double x, [[maybe_unused]] const Parameters& p) -> double { return expression; }
constexpr UnaryRow kRealFunctions[] = {
    {"Abs", 0, 0, 0, HF_FN(std::abs(x))},
    {"Neg", 0, 0, 0, HF_FN(-x)},
    {"Sign", 0, 0, 0, HF_FN(x > 0 ? 1 : (x < 0 ? -1 : x))},
    {"Ceil", 0, 0, 0, HF_FN(std::ceil(x))},
    {"Floor", 0, 0, 0, HF_FN(std::floor(x))},
    {"Round", 0, 0, 0, HF_FN(round_half_even(x))},
    {"Sqrt", 0, 0, 0, HF_FN(std::sqrt(x))},
    {"Reciprocal", 0, 0, 0, HF_FN(1 / x)},
    {"Exp", 0, 0, 0, HF_FN(std::exp(x))},
    {"Log", 0, 0, 0, HF_FN(std::log(x))},
    {"Sin", 0, 0, 0, HF_FN(std::sin(x))},
    {"Cos", 0, 0, 0, HF_FN(std::cos(x))},
    {"Tan", 0, 0, 0, HF_FN(std::tan(x))},
    {"Asin", 0, 0, 0, HF_FN(std::asin(x))},
    {"Acos", 0, 0, 0, HF_FN(std::acos(x))},
    {"Atan", 0, 0, 0, HF_FN(std::atan(x))},
    {"Sinh", 0, 0, 0, HF_FN(std::sinh(x))},
    {"Cosh", 0, 0, 0, HF_FN(std::cosh(x))},
    {"Tanh", 0, 0, 0, HF_FN(std::tanh(x))},
    {"Asinh", 0, 0, 0, HF_FN(std::asinh(x))},
    {"Acosh", 0, 0, 0, HF_FN(std::acosh(x))},
    {"Atanh", 0, 0, 0, HF_FN(std::atanh(x))},
    {"Erf", 0, 0, 0, HF_FN(std::erf(x))},
    {"Relu", 0, 0, 0, HF_FN(x < 0 ? 0 : x)},
    {"LeakyRelu", 0.01, 0, 0, HF_FN(x < 0 ? p.alpha * x : x)},
    {"ThresholdedRelu", 1, 0, 0, HF_FN(x > p.alpha ? x : 0)},
    {"Elu", 1, 0, 0, HF_FN(x < 0 ? p.alpha * std::expm1(x) : x)},
    {"Celu", 1, 0, 0, HF_FN(std::fmax(0, x) + std::fmin(0, p.alpha* std::expm1(x / p.alpha)))},
    {"Selu", 1.67326319217681884765625, 0, 1.05070102214813232421875,
     HF_FN(p.gamma*(x > 0 ? x : p.alpha * std::expm1(x)))},
    {"Sigmoid", 0, 0, 0, HF_FN(sigmoid(x))},
    {"HardSigmoid", 0.2, 0.5, 0, HF_FN(std::fmax(0, std::fmin(1, p.alpha* x + p.beta)))},
    {"HardSwish", 0, 0, 0, HF_FN(x* std::fmax(0, std::fmin(1, x / 6 + 0.5)))},
    {"Softplus", 0, 0, 0, HF_FN(softplus(x))},
    {"Softsign", 0, 0, 0, HF_FN(x / (1 + std::abs(x)))},
    {"Mish", 0, 0, 0, HF_FN(x* std::tanh(softplus(x)))},
};
#undef HF_FN

const UnaryRow* find_function(std::string_view op) {
    for (const UnaryRow& row : kRealFunctions) {
        if (row.op == op) return &row;
    }
    return nullptr;
}

// 64-bit integers do not survive a double; the operators that take them are exact here.
template <typename T>
Tensor map_integers(const Tensor& input, std::string_view op) {
    Tensor out(input.dtype(), input.shape());
    const auto in = input.values<T>();
    const auto to = out.mutable_values<T>();
    for (std::size_t i = 0; i < in.size(); ++i) {
        const T x = in[i];
        const bool negative = std::is_signed_v<T> && x < T{};
        const T minus = static_cast<T>(T{} - x);
        if (op == "Abs") to[i] = negative ? minus : x;
        if (op == "Neg") to[i] = minus;
        if (op == "Sign") to[i] = static_cast<T>(negative ? -1 : (x != T{}));
        if (op == "Relu") to[i] = negative ? T{} : x;
    }
    return out;
}

Outputs real_function(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, real_function);
    const UnaryRow* row = find_function(context.node.op);
    const Parameters parameters{context.node.float_or("alpha", static_cast<float>(row->alpha)),
                                context.node.float_or("beta", static_cast<float>(row->beta)),
                                context.node.float_or("gamma", static_cast<float>(row->gamma))};
    const bool integers = is_integer(input.dtype());
    const bool exact =
        row->op == "Abs" || row->op == "Neg" || row->op == "Sign" || row->op == "Relu";
    return one(HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        if constexpr (std::is_integral_v<T>) {
            if (integers && exact) return map_integers<T>(input, row->op);
        }
        return map<T>(input, row->function, parameters);
    })));
}

Outputs logical_not(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.dtype() != DType::kBool) {
        return invalid_argument("want bool, got {}", dtype_name(input.dtype()));
    }
    Tensor out(DType::kBool, input.shape());
    for (std::size_t i = 0; i < input.bytes().size(); ++i) {
        out.mutable_bytes()[i] = input.bytes()[i] == 0;
    }
    return one(std::move(out));
}

Outputs bitwise_not(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (!is_integer(input.dtype())) {
        return invalid_argument("want integers, got {}", dtype_name(input.dtype()));
    }
    Tensor out(input.dtype(), input.shape());
    for (std::size_t i = 0; i < input.bytes().size(); ++i) {
        out.mutable_bytes()[i] = static_cast<std::uint8_t>(~input.bytes()[i]);
    }
    return one(std::move(out));
}

Outputs classify(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<double> values = HF_TRY(to_doubles(input));
    const bool positive = context.node.int_or("detect_positive", 1) != 0;
    const bool negative = context.node.int_or("detect_negative", 1) != 0;
    Tensor out(DType::kBool, input.shape());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = values[i];
        const bool infinite = std::isinf(x) && (x > 0 ? positive : negative);
        out.mutable_bytes()[i] = context.node.op == "IsNaN" ? std::isnan(x) : infinite;
    }
    return one(std::move(out));
}

Outputs gelu(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const bool tanh_form = context.node.string_or("approximate", "none") == "tanh";
    const std::vector<double> values = HF_TRY(to_doubles(input));
    Tensor out(DType::kF64, input.shape());
    for (std::size_t i = 0; i < values.size(); ++i) {
        const double x = values[i];
        const double inner = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x);
        out.mutable_values<double>()[i] = tanh_form
                                              ? 0.5 * x * (1 + std::tanh(inner))
                                              : 0.5 * x * (1 + std::erf(x / std::numbers::sqrt2));
    }
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

Outputs shrink(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const double bias = context.node.float_or("bias", 0);
    const double lambda = context.node.float_or("lambd", 0.5f);
    Tensor wide = HF_TRY(cast_tensor(input, DType::kF64));
    Tensor out(DType::kF64, input.shape());
    for (std::size_t i = 0; i < static_cast<std::size_t>(wide.elements()); ++i) {
        const double x = wide.values<double>()[i];
        out.mutable_values<double>()[i] = x < -lambda ? x + bias : (x > lambda ? x - bias : 0);
    }
    return one(HF_TRY(cast_tensor(out, input.dtype())));
}

// A bound of Clip: attribute up to opset 10, input from 11 on.
Result<std::optional<double>> clip_bound(const OpContext& context, std::string_view name,
                                         std::size_t index) {
    if (context.node.has(name)) return std::optional<double>(context.node.float_or(name, 0));
    if (!context.input(index)) return std::optional<double>();
    const std::vector<double> values = HF_TRY(to_doubles(*context.input(index)));
    if (values.size() != 1) return invalid_argument("{} must be one number", name);
    return std::optional<double>(values[0]);
}

Outputs clip(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, clip);
    const std::optional<double> least = HF_TRY(clip_bound(context, "min", 1));
    const std::optional<double> most = HF_TRY(clip_bound(context, "max", 2));
    return one(HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        Tensor out(input.dtype(), input.shape());
        const auto in = input.values<T>();
        for (std::size_t i = 0; i < in.size(); ++i) {
            T x = in[i];
            if (least && x < static_cast<T>(*least)) x = static_cast<T>(*least);
            if (most && x > static_cast<T>(*most)) x = static_cast<T>(*most);
            out.template mutable_values<T>()[i] = x;
        }
        return out;
    })));
}

Outputs cast(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (context.node.op == "CastLike") {
        const Tensor like = HF_TRY(need_input(context, 1));
        return one(HF_TRY(cast_tensor(input, like.dtype())));
    }
    constexpr DType kByNumber[] = {DType::kF32,  DType::kU8,  DType::kI8,   DType::kU16,
                                   DType::kI16,  DType::kI32, DType::kI64,  DType::kString,
                                   DType::kBool, DType::kF16, DType::kF64,  DType::kU32,
                                   DType::kU64,  DType::kC64, DType::kC128, DType::kBF16};
    const std::int64_t to = context.node.int_or("to", 0);
    if (to < 1 || to > 16) return unimplemented("a cast to ONNX element type {}", to);
    return one(HF_TRY(cast_tensor(input, kByNumber[to - 1])));
}

}  // namespace

std::vector<OpRow> unary_rows() {
    std::vector<OpRow> rows;
    for (const UnaryRow& row : kRealFunctions) rows.push_back({"", row.op, real_function});
    rows.insert(rows.end(), {{"", "Not", logical_not},
                             {"", "BitwiseNot", bitwise_not},
                             {"", "IsNaN", classify},
                             {"", "IsInf", classify},
                             {"", "Gelu", gelu},
                             {"com.microsoft", "Gelu", gelu},
                             {"", "Shrink", shrink},
                             {"", "Clip", clip},
                             {"", "Cast", cast},
                             {"", "CastLike", cast}});
    return rows;
}

}  // namespace hf::runtime::ref
