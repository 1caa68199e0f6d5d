// TFLite's ADD, SUB and MUL with broadcasting, in f32 and in integers.

#include <algorithm>

#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {
namespace {

// Calls f(output index, index in a, index in b) over the broadcast shape.
template <typename F>
void for_pairs(const Shape& a, const Shape& b, const Shape& out, F f) {
    if (out.elements() == 0) return;
    const std::vector<std::int64_t> steps_a = broadcast_strides(a, out);
    const std::vector<std::int64_t> steps_b = broadcast_strides(b, out);
    std::vector<std::int64_t> at(out.rank(), 0);
    std::size_t index = 0;
    do {
        f(index++, static_cast<std::size_t>(dot(at, steps_a)),
          static_cast<std::size_t>(dot(at, steps_b)));
    } while (next_coordinate(out, at));
}

Outputs real_arithmetic(const OpContext& context, const Shape& shape) {
    const RealBounds bounds = HF_TRY(real_bounds(fused_activation(context)));
    const std::string& op = context.node.op;
    const Tensor& a = context.inputs[0];
    const Tensor& b = context.inputs[1];
    Tensor out = HF_TRY(make_tensor(DType::kF32, shape));
    const std::span<float> to = out.mutable_values<float>();
    for_pairs(a.shape(), b.shape(), shape, [&](std::size_t i, std::size_t ia, std::size_t ib) {
        const float x = a.values<float>()[ia], y = b.values<float>()[ib];
        const float value = op == "ADD" ? x + y : op == "SUB" ? x - y : x * y;
        to[i] = std::min(std::max(value, bounds.low), bounds.high);
    });
    return declared(context, std::move(out));
}

// How the stored values of a sum or product become the stored result.
struct Rescale {
    kernels::FixedFactor a, b, out;
};

// Both inputs are raised by 20 bits and brought to twice the larger scale before they are added.
constexpr int kAddHeadroomBits = 20;

Result<Rescale> make_rescale(const OpContext& context) {
    const float a = HF_TRY(input_affine(context, 0)).scale;
    const float b = HF_TRY(input_affine(context, 1)).scale;
    const float out = HF_TRY(output_affine(context)).scale;
    if (context.node.op == "MUL") {
        return Rescale{{}, {}, kernels::fixed_factor(double{a * b / out})};
    }
    const double twice = 2 * double{std::max(a, b)};
    return Rescale{kernels::fixed_factor(a / twice), kernels::fixed_factor(b / twice),
                   kernels::fixed_factor(twice / ((1 << kAddHeadroomBits) * double{out}))};
}

Outputs integer_arithmetic(const OpContext& context, const Shape& shape) {
    const Rescale rescale = HF_TRY(make_rescale(context));
    const Affine8 output = HF_TRY(output_affine(context));
    const DType dtype = context.inputs[0].dtype();
    const Bounds bounds = HF_TRY(quantized_bounds(fused_activation(context), output, dtype));
    const auto a = HF_TRY(centered(context.inputs[0], HF_TRY(input_affine(context, 0)).zero));
    const auto b = HF_TRY(centered(context.inputs[1], HF_TRY(input_affine(context, 1)).zero));
    const std::string& op = context.node.op;
    Tensor out = HF_TRY(make_tensor(dtype, shape));
    std::uint8_t* to = out.mutable_bytes().data();
    const auto combine = [&](std::int32_t x, std::int32_t y) {
        if (op == "MUL") return x * y;
        const std::int32_t left = kernels::scale_by(x * (1 << kAddHeadroomBits), rescale.a);
        const std::int32_t right = kernels::scale_by(y * (1 << kAddHeadroomBits), rescale.b);
        return op == "ADD" ? left + right : left - right;
    };
    for_pairs(context.inputs[0].shape(), context.inputs[1].shape(), shape,
              [&](std::size_t i, std::size_t ia, std::size_t ib) {
                  const std::int64_t scaled = kernels::scale_by(combine(a[ia], b[ib]), rescale.out);
                  to[i] = bounds.stored(scaled + output.zero);
              });
    return declared(context, std::move(out));
}

Outputs arithmetic(const OpContext& context) {
    const Tensor a = HF_TRY(need_input(context, 0));
    const Tensor b = HF_TRY(need_input(context, 1));
    const Shape shape = HF_TRY(broadcast(a.shape(), b.shape()));
    if (a.dtype() == DType::kF32 && b.dtype() == DType::kF32) {
        return real_arithmetic(context, shape);
    }
    if (is_quantized(a) && a.dtype() == b.dtype()) return integer_arithmetic(context, shape);
    return unsupported_types(context);
}

}  // namespace

std::vector<OpRow> tflite_pointwise_rows() {
    return {{"tflite", "ADD", arithmetic},
            {"tflite", "SUB", arithmetic},
            {"tflite", "MUL", arithmetic}};
}

}  // namespace hf::runtime::ref
