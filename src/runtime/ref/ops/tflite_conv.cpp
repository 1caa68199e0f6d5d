// TFLite's CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED, in f32 and in integers.

#include <algorithm>
#include <array>

#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {
namespace {

// A convolution over [n, h, w, c] with weights seen as [filter][tap][channels_in_filter]. A dense
// layer is one with a single position.
struct Geometry {
    std::int64_t batch = 1, in_h = 1, in_w = 1, in_c = 1;
    std::int64_t kernel_h = 1, kernel_w = 1;
    std::int64_t stride_h = 1, stride_w = 1, dilation_h = 1, dilation_w = 1;
    std::int64_t out_c = 1;
    std::int64_t multiplier = 0;  // depth multiplier; 0: not depthwise
    Span1 rows{1, 0}, columns{1, 0};
    bool dense = false;  // FULLY_CONNECTED

    Shape out() const { return {batch, rows.count, columns.count, out_c}; }
};

// Sums x * w over one output, in the type of A. The weights of a depthwise filter are strided by
// the number of filters, those of a full one are consecutive.
template <typename A, typename X, typename W>
A accumulate(const Geometry& g, const X* x, const W* w, const std::array<std::int64_t, 3>& at) {
    const auto [oy, ox, f] = at;
    A sum{};
    for (std::int64_t ky = 0; ky < g.kernel_h; ++ky) {
        const std::int64_t iy = oy * g.stride_h + ky * g.dilation_h - g.rows.before;
        if (iy < 0 || iy >= g.in_h) continue;
        for (std::int64_t kx = 0; kx < g.kernel_w; ++kx) {
            const std::int64_t ix = ox * g.stride_w + kx * g.dilation_w - g.columns.before;
            if (ix < 0 || ix >= g.in_w) continue;
            const X* from = x + (iy * g.in_w + ix) * g.in_c;
            const std::int64_t tap = ky * g.kernel_w + kx;
            if (g.multiplier != 0) {
                sum +=
                    static_cast<A>(from[f / g.multiplier]) * static_cast<A>(w[tap * g.out_c + f]);
                continue;
            }
            const W* row = w + (f * g.kernel_h * g.kernel_w + tap) * g.in_c;
            for (std::int64_t c = 0; c < g.in_c; ++c) {
                sum += static_cast<A>(from[c]) * static_cast<A>(row[c]);
            }
        }
    }
    return sum;
}

// Calls f(linear output index, filter, sum) for every output.
template <typename A, typename X, typename W, typename F>
void for_sums(const Geometry& g, const X* x, const W* w, F f) {
    std::int64_t index = 0;
    for (std::int64_t n = 0; n < g.batch; ++n) {
        const X* image = x + n * g.in_h * g.in_w * g.in_c;
        for (std::int64_t oy = 0; oy < g.rows.count; ++oy) {
            for (std::int64_t ox = 0; ox < g.columns.count; ++ox) {
                for (std::int64_t filter = 0; filter < g.out_c; ++filter) {
                    f(index++, filter, accumulate<A>(g, image, w, {oy, ox, filter}));
                }
            }
        }
    }
}

Outputs real_sums(const OpContext& context, const Geometry& g, const Shape& shape) {
    const RealBounds bounds = HF_TRY(real_bounds(fused_activation(context)));
    const Tensor* bias = context.input(2);
    if (bias && (bias->dtype() != DType::kF32 || bias->elements() != g.out_c)) {
        return invalid_argument("the bias must be f32[{}]", g.out_c);
    }
    const float* offsets = bias ? bias->values<float>().data() : nullptr;
    Tensor out = HF_TRY(make_tensor(DType::kF32, shape));
    float* to = out.mutable_values<float>().data();
    for_sums<float>(g, context.inputs[0].values<float>().data(),
                    context.inputs[1].values<float>().data(),
                    [&](std::int64_t index, std::int64_t filter, float sum) {
                        const float value = offsets ? sum + offsets[filter] : sum;
                        to[index] = std::min(std::max(value, bounds.low), bounds.high);
                    });
    return declared(context, std::move(out));
}

// One factor a filter: input scale * weight scale / output scale. A single weight scale is
// multiplied in single precision, several in double: TFLite's last bits depend on it.
Result<std::vector<kernels::FixedFactor>> output_factors(const OpContext& context,
                                                         const std::vector<float>& weight_scales,
                                                         std::int64_t filters) {
    const float input = HF_TRY(input_affine(context, 0)).scale;
    const double output = HF_TRY(output_affine(context)).scale;
    if (weight_scales.size() == 1) {
        const double product = input * weight_scales[0];
        return std::vector(static_cast<std::size_t>(filters),
                           kernels::fixed_factor(product / output));
    }
    if (static_cast<std::int64_t>(weight_scales.size()) != filters) {
        return invalid_argument("{} weight scales for {} filters", weight_scales.size(), filters);
    }
    std::vector<kernels::FixedFactor> factors;
    for (float weight : weight_scales) {
        factors.push_back(kernels::fixed_factor(double{input} * double{weight} / output));
    }
    return factors;
}

// Weights are symmetric (zero point 0) when they have several scales.
Result<std::int32_t> weight_zero(const OpContext& context, std::size_t scales) {
    return scales > 1 ? 0 : HF_TRY(input_affine(context, 1)).zero;
}

Outputs integer_sums(const OpContext& context, const Geometry& g, const Shape& shape) {
    const std::size_t axis = g.multiplier != 0 ? 3 : 0;
    const std::vector<float> scales = HF_TRY(input_scales(context, 1, axis));
    const auto factors = HF_TRY(output_factors(context, scales, g.out_c));
    const std::int32_t zero = HF_TRY(weight_zero(context, scales.size()));
    const Affine8 output = HF_TRY(output_affine(context));
    const DType dtype = HF_TRY(output_dtype(context));
    const Bounds bounds = HF_TRY(quantized_bounds(fused_activation(context), output, dtype));
    const auto x = HF_TRY(centered(context.inputs[0], HF_TRY(input_affine(context, 0)).zero));
    const auto w = HF_TRY(centered(context.inputs[1], zero));
    const Tensor* bias = context.input(2);
    if (bias && (bias->dtype() != DType::kI32 || bias->elements() != g.out_c)) {
        return invalid_argument("the bias must be i32[{}]", g.out_c);
    }
    const std::int32_t* offsets = bias ? bias->values<std::int32_t>().data() : nullptr;
    Tensor out = HF_TRY(make_tensor(dtype, shape));
    std::uint8_t* to = out.mutable_bytes().data();
    // Unsigned: a hostile file may make the sum wrap around, which must stay defined.
    for_sums<std::uint32_t>(
        g, x.data(), w.data(), [&](std::int64_t index, std::int64_t filter, std::uint32_t sum) {
            if (offsets) sum += static_cast<std::uint32_t>(offsets[filter]);
            const auto whole = static_cast<std::int32_t>(sum);
            const kernels::FixedFactor& factor = factors[static_cast<std::size_t>(filter)];
            const std::int64_t scaled =
                g.dense ? kernels::scale_once(whole, factor) : kernels::scale_by(whole, factor);
            to[index] = bounds.stored(scaled + output.zero);
        });
    return declared(context, std::move(out));
}

Outputs sums(const OpContext& context, const Geometry& g, const Shape& shape) {
    const Tensor& x = context.inputs[0];
    const Tensor& w = context.inputs[1];
    if (x.dtype() == DType::kF32 && w.dtype() == DType::kF32) return real_sums(context, g, shape);
    if (is_quantized(x) && is_quantized(w)) {
        const DType dtype = HF_TRY(output_dtype(context));
        if (dtype == DType::kI8 || dtype == DType::kU8) return integer_sums(context, g, shape);
    }
    return unsupported_types(context);
}

Outputs convolution(const OpContext& context) {
    const Shape x = HF_TRY(need_input(context, 0)).shape();
    const Shape w = HF_TRY(need_input(context, 1)).shape();
    if (x.rank() != 4 || w.rank() != 4) {
        return invalid_argument("input {} and weights {} must have 4 axes", x.to_string(),
                                w.to_string());
    }
    const graph::Node& node = context.node;
    Geometry g{.batch = x[0],
               .in_h = x[1],
               .in_w = x[2],
               .in_c = x[3],
               .kernel_h = w[1],
               .kernel_w = w[2]};
    g.stride_h = node.int_or("stride_h", 1);
    g.stride_w = node.int_or("stride_w", 1);
    g.dilation_h = node.int_or("dilation_h", 1);
    g.dilation_w = node.int_or("dilation_w", 1);
    const std::string padding = node.string_or("padding", "VALID");
    g.rows = HF_TRY(window_span({x[1], w[1], g.stride_h, g.dilation_h}, padding));
    g.columns = HF_TRY(window_span({x[2], w[2], g.stride_w, g.dilation_w}, padding));
    if (node.op == "DEPTHWISE_CONV_2D") {
        g.out_c = w[3];
        // The file's multiplier may be 0; the shapes tell it.
        g.multiplier = x[3] == 0 ? 0 : g.out_c / x[3];
        if (w[0] != 1 || g.multiplier < 1 || g.multiplier * x[3] != g.out_c) {
            return invalid_argument("weights {} do not fit {} channels", w.to_string(), x[3]);
        }
    } else {
        g.out_c = w[0];
        if (w[3] != x[3]) {
            return invalid_argument(
                "weights {} do not fit {} channels (grouped convolution is not "
                "supported)",
                w.to_string(), x[3]);
        }
    }
    return sums(context, g, g.out());
}

Outputs fully_connected(const OpContext& context) {
    const Shape x = HF_TRY(need_input(context, 0)).shape();
    const Shape w = HF_TRY(need_input(context, 1)).shape();
    if (w.rank() != 2 || w[1] < 1) {
        return invalid_argument("weights {} must be [out, in]", w.to_string());
    }
    Geometry g;
    g.dense = true;
    g.in_c = w[1];
    g.out_c = w[0];
    g.batch = x.elements() / g.in_c;
    if (g.batch * g.in_c != x.elements()) {
        return invalid_argument("input {} does not fit weights {}", x.to_string(), w.to_string());
    }
    Shape shape{g.batch, g.out_c};
    if (context.node.int_or("keep_num_dims", 0) != 0 && x.rank() > 0) {
        shape = x;
        shape[x.rank() - 1] = g.out_c;
    }
    return sums(context, g, shape);
}

}  // namespace

std::vector<OpRow> tflite_conv_rows() {
    return {{"tflite", "CONV_2D", convolution},
            {"tflite", "DEPTHWISE_CONV_2D", convolution},
            {"tflite", "FULLY_CONNECTED", fully_connected}};
}

}  // namespace hf::runtime::ref
