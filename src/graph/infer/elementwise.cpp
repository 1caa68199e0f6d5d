// Elementwise operators: unary, binary with broadcasting, comparisons, casts.

#include <algorithm>
#include <array>
#include <functional>

#include "graph/infer/rows.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::infer {
namespace {

std::optional<Shape> copy(const Shape* shape) {
    return shape ? std::optional<Shape>(*shape) : std::nullopt;
}

// The shape of all inputs from `first` on, broadcast together; nullopt when one is unknown.
Result<std::optional<Shape>> broadcast_inputs(const Context& context, std::size_t first = 0) {
    std::optional<Shape> shape = Shape();
    for (std::size_t i = first; i < context.node.inputs.size(); ++i) {
        if (!context.has_input(i)) continue;
        if (!context.shape(i)) return std::optional<Shape>();
        shape = HF_TRY(broadcast(*shape, *context.shape(i)));
    }
    return shape;
}

// Two contents of one size, or one of them a single element.
template <typename F>
std::optional<Content> zip(const Content* a, const Content* b, F f) {
    if (!a || !b) return std::nullopt;
    const bool fits = a->size() == b->size() || a->size() == 1 || b->size() == 1;
    if (!fits || a->empty() || b->empty()) return std::nullopt;
    Content out;
    for (std::size_t i = 0; i < std::max(a->size(), b->size()); ++i) {
        const double x = (*a)[a->size() == 1 ? 0 : i];
        const double y = (*b)[b->size() == 1 ? 0 : i];
        out.push_back(is_known(x) && is_known(y) ? f(x, y) : kUnknownElement);
    }
    return out;
}

double compute(const std::string& op, double x, double y, bool integers) {
    if (op == "Add") return x + y;
    if (op == "Sub") return x - y;
    if (op == "Mul") return x * y;
    if (op == "Div" && integers) return y == 0 ? kUnknownElement : std::trunc(x / y);
    if (op == "Div") return y == 0 ? kUnknownElement : double{float(x) / float(y)};
    if (op == "Max") return std::max(x, y);
    if (op == "Min") return std::min(x, y);
    if (op == "Equal") return x == y;
    if (op == "Less") return x < y;
    if (op == "Greater") return x > y;
    if (op == "LessOrEqual") return x <= y;
    if (op == "GreaterOrEqual") return x >= y;
    if (op == "And") return x != 0 && y != 0;
    if (op == "Or") return x != 0 || y != 0;
    return kUnknownElement;
}

void follow_binary(Context& context) {
    if (context.node.inputs.size() != 2) return;
    const std::optional<DType> dtype = context.dtype(0);
    const bool integers = dtype && is_integer(*dtype);
    const auto f = [&](double x, double y) {
        const double result = compute(context.node.op, x, y, integers);
        return dtype == DType::kF32 ? static_cast<double>(static_cast<float>(result)) : result;
    };
    if (auto content = zip(context.content(0), context.content(1), f)) {
        context.set_content(0, std::move(*content));
    }
}

// Up to opset 6 the second operand is stretched to the first, by attributes.
Result<std::optional<Shape>> binary_shape(const Context& context) {
    if (context.node.domain.empty() && context.node.opset < 7) return copy(context.shape(0));
    return broadcast_inputs(context);
}

Status binary(Context& context) {
    HF_TRY(context.set(0, context.dtype(0), HF_TRY(binary_shape(context))));
    follow_binary(context);
    return {};
}

Status comparison(Context& context) {
    HF_TRY(context.set(0, DType::kBool, HF_TRY(binary_shape(context))));
    follow_binary(context);
    return {};
}

Status variadic(Context& context) {
    HF_TRY(context.set(0, context.dtype(0), HF_TRY(broadcast_inputs(context))));
    follow_binary(context);
    return {};
}

// PRelu's slope is stretched to the input, never the other way round.
Status unary(Context& context) {
    return context.set(0, context.dtype(0), copy(context.shape(0)));
}

Status unary_bool(Context& context) {
    return context.set(0, DType::kBool, copy(context.shape(0)));
}

// Unary operators that shape arithmetic uses.
Status followed_unary(Context& context) {
    HF_TRY(unary(context));
    const Content* content = context.content(0);
    if (!content) return {};
    Content out;
    for (double x : *content) {
        const std::string& op = context.node.op;
        out.push_back(op == "Neg"     ? -x
                      : op == "Abs"   ? std::abs(x)
                      : op == "Ceil"  ? std::ceil(x)
                      : op == "Floor" ? std::floor(x)
                      : op == "Sqrt"  ? double{std::sqrt(static_cast<float>(x))}
                                      : kUnknownElement);
    }
    context.set_content(0, std::move(out));
    return {};
}

Status logical_not(Context& context) {
    HF_TRY(unary_bool(context));
    const Content* content = context.content(0);
    if (!content) return {};
    Content out;
    for (double x : *content) out.push_back(is_known(x) ? (x == 0 ? 1.0 : 0.0) : kUnknownElement);
    context.set_content(0, std::move(out));
    return {};
}

void follow_cast(Context& context, DType from, DType to) {
    const Content* content = context.content(0);
    const bool kept = to == DType::kI64 || to == DType::kI32 || to == DType::kF32;
    if (!content || !kept) return;
    Content out = *content;
    if (is_float(from) && is_integer(to)) {
        for (double& x : out) x = std::trunc(x);
    }
    if (to == DType::kF32) {
        for (double& x : out) x = static_cast<double>(static_cast<float>(x));
    }
    const bool fits = to != DType::kI32 || std::all_of(out.begin(), out.end(), [](double x) {
                          return !is_known(x) || std::abs(x) < 0x1p31;
                      });
    if (fits) context.set_content(0, std::move(out));
}

Status cast(Context& context) {
    std::optional<DType> to;
    if (context.node.op == "CastLike") {
        to = context.dtype(1);
    } else if (const auto* code =
                   context.node.attributes.contains("to")
                       ? std::get_if<std::int64_t>(&context.node.attributes.find("to")->second)
                       : nullptr) {
        to = HF_TRY(onnx::dtype_of(*code));
    }
    HF_TRY(context.set(0, to, copy(context.shape(0))));
    if (to && context.dtype(0)) follow_cast(context, *context.dtype(0), *to);
    return {};
}

Status where(Context& context) {
    const std::optional<DType> dtype = context.dtype(1) ? context.dtype(1) : context.dtype(2);
    HF_TRY(context.set(0, dtype, HF_TRY(broadcast_inputs(context))));
    const Content* condition = context.content(0);
    const Content* x = context.content(1);
    const Content* y = context.content(2);
    if (!condition || !x || !y) return {};
    const std::size_t size = std::max({condition->size(), x->size(), y->size()});
    Content out;
    for (std::size_t i = 0; i < size; ++i) {
        const auto at = [&](const Content& c) {
            return c.size() == 1 ? c[0] : i < c.size() ? c[i] : kUnknownElement;
        };
        const double choice = at(*condition);
        out.push_back(!is_known(choice) ? kUnknownElement : choice != 0 ? at(*x) : at(*y));
    }
    context.set_content(0, std::move(out));
    return {};
}

Status dropout(Context& context) {
    HF_TRY(unary(context));
    const auto mask = context.node.opset >= 10 ? std::optional(DType::kBool) : std::nullopt;
    return context.set(1, mask, copy(context.shape(0)));
}

Status bernoulli(Context& context) {
    if (context.node.has("dtype")) {
        const DType dtype = HF_TRY(onnx::dtype_of(context.node.int_or("dtype", 1)));
        return context.set(0, dtype, copy(context.shape(0)));
    }
    return unary(context);
}

// Operators whose output is like input 0.
constexpr std::array<std::string_view, 51> kUnary{"Acos",
                                                  "Acosh",
                                                  "Asin",
                                                  "Asinh",
                                                  "Atan",
                                                  "Atanh",
                                                  "BitwiseNot",
                                                  "Celu",
                                                  "Clip",
                                                  "Cos",
                                                  "Cosh",
                                                  "CumSum",
                                                  "Elu",
                                                  "Erf",
                                                  "Exp",
                                                  "Gelu",
                                                  "GroupNormalization",
                                                  "HardSigmoid",
                                                  "HardSwish",
                                                  "Hardmax",
                                                  "InstanceNormalization",
                                                  "LRN",
                                                  "LeakyRelu",
                                                  "Log",
                                                  "LogSoftmax",
                                                  "LpNormalization",
                                                  "MeanVarianceNormalization",
                                                  "Mish",
                                                  "PRelu",
                                                  "RMSNormalization",
                                                  "Reciprocal",
                                                  "Relu",
                                                  "ReverseSequence",
                                                  "Round",
                                                  "Scatter",
                                                  "ScatterElements",
                                                  "ScatterND",
                                                  "Selu",
                                                  "Shrink",
                                                  "Sigmoid",
                                                  "Sign",
                                                  "Sin",
                                                  "Sinh",
                                                  "Softmax",
                                                  "Softplus",
                                                  "Softsign",
                                                  "Swish",
                                                  "Tan",
                                                  "Tanh",
                                                  "ThresholdedRelu",
                                                  "Trilu"};

}  // namespace

std::vector<Row> elementwise_rows() {
    std::vector<Row> rows{{"com.microsoft", "Gelu", unary},
                          {"com.microsoft", "BiasGelu", unary},
                          {"com.microsoft", "FastGelu", unary},
                          {"com.microsoft", "QuickGelu", unary},
                          {"", "IsNaN", unary_bool},
                          {"", "IsInf", unary_bool},
                          {"", "Not", logical_not},
                          {"", "Cast", cast},
                          {"", "CastLike", cast},
                          {"", "Where", where},
                          {"", "Dropout", dropout},
                          {"", "Bernoulli", bernoulli},
                          {"", "RandomNormalLike", bernoulli},
                          {"", "RandomUniformLike", bernoulli}};
    const auto add = [&](std::initializer_list<std::string_view> ops, Rule rule) {
        for (std::string_view op : ops) rows.push_back({"", op, rule});
    };
    add({"Add", "Sub", "Mul", "Div", "Mod", "Pow", "BitwiseAnd", "BitwiseOr", "BitwiseXor",
         "BitShift"},
        binary);
    add({"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual", "And", "Or", "Xor"},
        comparison);
    add({"Max", "Min", "Sum", "Mean"}, variadic);
    add({"Neg", "Abs", "Ceil", "Floor", "Sqrt"}, followed_unary);
    for (std::string_view op : kUnary) rows.push_back({"", op, unary});
    return rows;
}

}  // namespace hf::graph::infer
