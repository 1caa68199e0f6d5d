// Elementwise operators of two or more inputs, with NumPy broadcasting; up to opset 6 with the
// attributes `broadcast` and `axis`.

#include <cmath>
#include <limits>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// Up to opset 6, B's shape is placed at `axis` of A's when `broadcast` is set.
Result<Tensor> align_old_style(const OpContext& context, const Tensor& a, const Tensor& b) {
    if (context.node.opset >= 7 || context.node.int_or("broadcast", 0) == 0) return b;
    if (!context.node.has("axis")) return b;
    const std::int64_t axis = context.node.int_or("axis", 0);
    const auto rank_a = static_cast<std::int64_t>(a.shape().rank());
    const auto rank_b = static_cast<std::int64_t>(b.shape().rank());
    const std::int64_t start = axis < 0 ? axis + rank_a : axis;
    if (start < 0 || start + rank_b > rank_a)
        return invalid_argument("axis {} is out of range", axis);
    std::vector<std::int64_t> extents = b.shape().extents();
    extents.resize(static_cast<std::size_t>(rank_a - start), 1);
    return b.reshaped(Shape(std::move(extents)));
}

template <typename In, typename Out, typename F>
Result<Tensor> zip(const Tensor& a, const Tensor& b, DType out_type, F function) {
    const Shape shape = HF_TRY(broadcast(a.shape(), b.shape()));
    Tensor out = HF_TRY(make_tensor(out_type, shape));
    const auto x = a.values<In>();
    const auto y = b.values<In>();
    const auto to = out.mutable_values<Out>();
    if (a.shape() == shape && b.shape() == shape) {
        for (std::size_t i = 0; i < to.size(); ++i) to[i] = static_cast<Out>(function(x[i], y[i]));
        return out;
    }
    const std::vector<std::int64_t> strides_a = broadcast_strides(a.shape(), shape);
    const std::vector<std::int64_t> strides_b = broadcast_strides(b.shape(), shape);
    std::vector<std::int64_t> at(shape.rank(), 0);
    for (std::size_t i = 0; i < to.size(); ++i) {
        to[i] = static_cast<Out>(function(x[static_cast<std::size_t>(dot(at, strides_a))],
                                          y[static_cast<std::size_t>(dot(at, strides_b))]));
        next_coordinate(shape, at);
    }
    return out;
}

template <typename T>
T divide(T x, T y) {
    if constexpr (std::is_integral_v<T>) {
        if (y == T{}) return T{};
        if constexpr (std::is_signed_v<T>) {
            if (y == T(-1)) return static_cast<T>(T{} - static_cast<std::make_unsigned_t<T>>(x));
        }
    }
    return static_cast<T>(x / y);
}

template <typename T>
T modulo(T x, T y, bool c_style) {
    if constexpr (std::is_floating_point_v<T>) {
        return std::fmod(x, y);
    } else {
        if (y == T{}) return T{};
        if constexpr (std::is_signed_v<T>) {
            if (y == T(-1)) return T{};
        }
        const T remainder = static_cast<T>(x % y);
        const bool other_sign = remainder != T{} && ((remainder < T{}) != (y < T{}));
        return !c_style && other_sign ? static_cast<T>(remainder + y) : remainder;
    }
}

template <typename T>
T smaller(T x, T y) {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(x) || std::isnan(y)) return std::numeric_limits<T>::quiet_NaN();
    }
    return y < x ? y : x;
}
template <typename T>
T larger(T x, T y) {
    if constexpr (std::is_floating_point_v<T>) {
        if (std::isnan(x) || std::isnan(y)) return std::numeric_limits<T>::quiet_NaN();
    }
    return x < y ? y : x;
}

template <typename T>
Result<Tensor> arithmetic(const OpContext& context, const Tensor& a, const Tensor& b) {
    const std::string& op = context.node.op;
    const DType type = a.dtype();
    // Unsigned arithmetic wraps where signed overflow would be undefined.
    using Wide = std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>;
    const auto wide = [](T x) { return static_cast<Wide>(x); };
    if (op == "Add" || op == "Sum" || op == "Mean") {
        return zip<T, T>(a, b, type, [&](T x, T y) { return static_cast<T>(wide(x) + wide(y)); });
    }
    if (op == "Sub") {
        return zip<T, T>(a, b, type, [&](T x, T y) { return static_cast<T>(wide(x) - wide(y)); });
    }
    if (op == "Mul") {
        return zip<T, T>(a, b, type, [&](T x, T y) { return static_cast<T>(wide(x) * wide(y)); });
    }
    if (op == "Div") return zip<T, T>(a, b, type, divide<T>);
    if (op == "Min") return zip<T, T>(a, b, type, smaller<T>);
    if (op == "Max") return zip<T, T>(a, b, type, larger<T>);
    if (op == "Mod") {
        const bool c_style = context.node.int_or("fmod", 0) != 0;
        return zip<T, T>(a, b, type, [&](T x, T y) { return modulo(x, y, c_style); });
    }
    if (op == "PRelu") {
        return zip<T, T>(a, b, type, [](T x, T y) { return x < T{} ? static_cast<T>(x * y) : x; });
    }
    return HF_BUG("{} is no arithmetic operator", op);
}

// PRelu's slope is stretched to the input, never the other way round; up to opset 6 a list is one
// slope a channel.
Result<Tensor> align_slope(const OpContext& context, const Tensor& x, const Tensor& slope) {
    const std::size_t rank = x.shape().rank();
    const bool listed = context.node.opset < 7 && slope.shape().rank() == 1 && rank >= 2;
    if (!listed || slope.elements() != x.shape()[1]) return expand_to(slope, x.shape());
    std::vector<std::int64_t> extents(rank - 1, 1);
    extents[0] = slope.elements();
    return slope.reshaped(Shape(std::move(extents)));
}

Outputs binary_arithmetic(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0));
    if (is_half(a.dtype())) return widen_halves(context, binary_arithmetic);
    const bool slopes = context.node.op == "PRelu";
    const Tensor b = HF_TRY(
        (slopes ? align_slope : align_old_style)(context, a, HF_TRY(need_input(context, 1))));
    if (a.dtype() != b.dtype()) {
        return invalid_argument("inputs have types {} and {}", dtype_name(a.dtype()),
                                dtype_name(b.dtype()));
    }
    if (context.node.op == "PRelu" && HF_TRY(broadcast(a.shape(), b.shape())) != a.shape()) {
        return invalid_argument("a slope of {} does not suit {}", b.shape().to_string(),
                                a.shape().to_string());
    }
    return one(HF_TRY(visit_real(a.dtype(), [&](auto zero) -> Result<Tensor> {
        return arithmetic<decltype(zero)>(context, a, b);
    })));
}

Outputs power(const OpContext& context) {
    const Tensor base = HF_TRY(need_input(context, 0));
    const Tensor exponent = HF_TRY(align_old_style(context, base, HF_TRY(need_input(context, 1))));
    const Tensor x = HF_TRY(cast_tensor(base, DType::kF64));
    const Tensor y = HF_TRY(cast_tensor(exponent, DType::kF64));
    const Tensor out = HF_TRY((
        zip<double, double>(x, y, DType::kF64, [](double u, double v) { return std::pow(u, v); })));
    return one(HF_TRY(cast_tensor(out, base.dtype())));
}

Outputs variadic(const OpContext& context) {
    Tensor sum = HF_TRY(need_input(context, 0));
    if (is_half(sum.dtype())) return widen_halves(context, variadic);
    for (std::size_t i = 1; i < context.inputs.size(); ++i) {
        const Tensor next = HF_TRY(need_input(context, i));
        if (next.dtype() != sum.dtype()) return invalid_argument("inputs differ in type");
        sum = HF_TRY(visit_real(sum.dtype(), [&](auto zero) -> Result<Tensor> {
            return arithmetic<decltype(zero)>(context, sum, next);
        }));
    }
    if (context.node.op != "Mean") return one(std::move(sum));
    const std::vector<double> values = HF_TRY(to_doubles(sum));
    Tensor mean(DType::kF64, sum.shape());
    for (std::size_t i = 0; i < values.size(); ++i) {
        mean.mutable_values<double>()[i] = values[i] / static_cast<double>(context.inputs.size());
    }
    return one(HF_TRY(cast_tensor(mean, sum.dtype())));
}

template <typename T>
Result<Tensor> compare(const std::string& op, const Tensor& a, const Tensor& b) {
    if (op == "Equal") {
        return zip<T, std::uint8_t>(a, b, DType::kBool, [](T x, T y) { return x == y; });
    }
    if (op == "Less") {
        return zip<T, std::uint8_t>(a, b, DType::kBool, [](T x, T y) { return x < y; });
    }
    if (op == "Greater") {
        return zip<T, std::uint8_t>(a, b, DType::kBool, [](T x, T y) { return x > y; });
    }
    if (op == "LessOrEqual") {
        return zip<T, std::uint8_t>(a, b, DType::kBool, [](T x, T y) { return x <= y; });
    }
    return zip<T, std::uint8_t>(a, b, DType::kBool, [](T x, T y) { return x >= y; });
}

Result<Tensor> equal_strings(const Tensor& a, const Tensor& b) {
    const Shape shape = HF_TRY(broadcast(a.shape(), b.shape()));
    const Tensor x = HF_TRY(expand_to(a, shape));
    const Tensor y = HF_TRY(expand_to(b, shape));
    Tensor out(DType::kBool, shape);
    for (std::size_t i = 0; i < x.strings().size(); ++i) {
        out.mutable_bytes()[i] = x.strings()[i] == y.strings()[i];
    }
    return out;
}

Outputs comparison(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0));
    if (is_half(a.dtype())) return widen_halves(context, comparison);
    const Tensor b = HF_TRY(align_old_style(context, a, HF_TRY(need_input(context, 1))));
    if (a.dtype() != b.dtype()) return invalid_argument("inputs differ in type");
    if (a.dtype() == DType::kString) return one(HF_TRY(equal_strings(a, b)));
    return one(HF_TRY(visit_real(a.dtype(), [&](auto zero) -> Result<Tensor> {
        return compare<decltype(zero)>(context.node.op, a, b);
    })));
}

template <typename T>
Result<Tensor> bits(const OpContext& context, const Tensor& a, const Tensor& b) {
    const std::string& op = context.node.op;
    using U = std::make_unsigned_t<T>;
    const bool left = context.node.string_or("direction", "LEFT") == "LEFT";
    const DType type = a.dtype();
    return zip<T, T>(a, b, type, [&](T x, T y) -> T {
        const U u = static_cast<U>(x);
        const U v = static_cast<U>(y);
        if (op == "BitShift") {
            if (v >= sizeof(T) * 8) return T{};
            return static_cast<T>(left ? u << v : u >> v);
        }
        if (op == "And" || op == "BitwiseAnd") return static_cast<T>(u & v);
        if (op == "Or" || op == "BitwiseOr") return static_cast<T>(u | v);
        return static_cast<T>(u ^ v);
    });
}

Outputs bitwise(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0));
    const Tensor b = HF_TRY(align_old_style(context, a, HF_TRY(need_input(context, 1))));
    if (a.dtype() != b.dtype()) return invalid_argument("inputs differ in type");
    return one(HF_TRY(visit_real(a.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        if constexpr (std::is_integral_v<T>) {
            return bits<T>(context, a, b);
        } else {
            return invalid_argument("want integers");
        }
    })));
}

Outputs where(const OpContext& context) {
    const Tensor condition = HF_TRY(need_input(context, 0));
    const Tensor a = HF_TRY(need_input(context, 1));
    const Tensor b = HF_TRY(need_input(context, 2));
    if (condition.dtype() != DType::kBool || a.dtype() != b.dtype()) {
        return invalid_argument("want a bool condition and two inputs of one type");
    }
    const Shape both = HF_TRY(broadcast(a.shape(), b.shape()));
    const Shape shape = HF_TRY(broadcast(condition.shape(), both));
    const Tensor x = HF_TRY(expand_to(a, shape));
    const Tensor y = HF_TRY(expand_to(b, shape));
    const Tensor choice = HF_TRY(expand_to(condition, shape));
    std::int64_t index = 0;
    Tensor out = HF_TRY(move_elements(x, shape, [&](auto) { return index++; }));
    const std::size_t size = dtype_size(a.dtype());
    for (std::size_t i = 0; i < choice.bytes().size(); ++i) {
        if (choice.bytes()[i]) continue;
        if (size == 0) {
            out.mutable_strings()[i] = y.strings()[i];
        } else {
            std::memcpy(out.mutable_bytes().data() + i * size, y.bytes().data() + i * size, size);
        }
    }
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> binary_rows() {
    std::vector<OpRow> rows;
    for (std::string_view op : {"Add", "Sub", "Mul", "Div", "Mod", "PRelu"}) {
        rows.push_back({"", op, binary_arithmetic});
    }
    for (std::string_view op : {"Sum", "Mean", "Min", "Max"}) rows.push_back({"", op, variadic});
    for (std::string_view op : {"Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"}) {
        rows.push_back({"", op, comparison});
    }
    for (std::string_view op :
         {"And", "Or", "Xor", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"}) {
        rows.push_back({"", op, bitwise});
    }
    rows.push_back({"", "Pow", power});
    rows.push_back({"", "Where", where});
    return rows;
}

}  // namespace hf::runtime::ref
