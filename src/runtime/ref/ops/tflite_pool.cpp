// TFLite's AVERAGE_POOL_2D, MAX_POOL_2D and MEAN, in f32 and in integers.

#include <algorithm>
#include <limits>

#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {
namespace {

// sum / count, rounded to nearest, halves away from zero.
std::int64_t rounded_mean(std::int64_t sum, std::int64_t count) {
    return sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
}

struct Pool {
    Shape in;
    std::int64_t filter_h, filter_w, stride_h, stride_w;
    Span1 rows, columns;

    Shape out() const { return {in[0], rows.count, columns.count, in[3]}; }

    // Calls f(linear output index, rows and columns of the window inside the image).
    template <typename F>
    void for_windows(F f) const {
        std::int64_t index = 0;
        for (std::int64_t n = 0; n < in[0]; ++n) {
            for (std::int64_t oy = 0; oy < rows.count; ++oy) {
                const std::int64_t y = oy * stride_h - rows.before;
                for (std::int64_t ox = 0; ox < columns.count; ++ox) {
                    const std::int64_t x = ox * stride_w - columns.before;
                    const Extent window{n, std::max<std::int64_t>(y, 0),
                                        std::min(y + filter_h, in[1]), std::max<std::int64_t>(x, 0),
                                        std::min(x + filter_w, in[2])};
                    for (std::int64_t c = 0; c < in[3]; ++c) f(index++, window, c);
                }
            }
        }
    }

    struct Extent {
        std::int64_t n, y0, y1, x0, x1;
        std::int64_t count() const { return (y1 - y0) * (x1 - x0); }
    };

    template <typename T, typename F>
    void for_inside(const Extent& window, std::int64_t channel, const T* values, F f) const {
        for (std::int64_t y = window.y0; y < window.y1; ++y) {
            for (std::int64_t x = window.x0; x < window.x1; ++x) {
                f(values[((window.n * in[1] + y) * in[2] + x) * in[3] + channel]);
            }
        }
    }
};

Result<Pool> make_pool(const OpContext& context) {
    const Shape in = HF_TRY(need_input(context, 0)).shape();
    if (in.rank() != 4) return invalid_argument("input {} must have 4 axes", in.to_string());
    const graph::Node& node = context.node;
    Pool pool{in,
              node.int_or("filter_h", 0),
              node.int_or("filter_w", 0),
              node.int_or("stride_h", 0),
              node.int_or("stride_w", 0),
              {},
              {}};
    const std::string padding = node.string_or("padding", "VALID");
    pool.rows = HF_TRY(window_span({in[1], pool.filter_h, pool.stride_h, 1}, padding));
    pool.columns = HF_TRY(window_span({in[2], pool.filter_w, pool.stride_w, 1}, padding));
    return pool;
}

Outputs real_pool(const OpContext& context, const Pool& pool, bool average) {
    const RealBounds bounds = HF_TRY(real_bounds(fused_activation(context)));
    Tensor out = HF_TRY(make_tensor(DType::kF32, pool.out()));
    float* to = out.mutable_values<float>().data();
    const float* x = context.inputs[0].values<float>().data();
    pool.for_windows([&](std::int64_t index, const Pool::Extent& window, std::int64_t channel) {
        float sum = 0;
        float largest = std::numeric_limits<float>::lowest();
        pool.for_inside(window, channel, x, [&](float value) {
            sum += value;
            largest = std::max(largest, value);
        });
        const float value = average ? sum / static_cast<float>(window.count()) : largest;
        to[index] = std::min(std::max(value, bounds.low), bounds.high);
    });
    return declared(context, std::move(out));
}

// Input and output share scale and zero point, so that nothing is rescaled.
Outputs integer_pool(const OpContext& context, const Pool& pool, bool average) {
    const Affine8 input = HF_TRY(input_affine(context, 0));
    const Affine8 output = HF_TRY(output_affine(context));
    if (input.scale != output.scale || input.zero != output.zero) {
        return unimplemented("pooling between different scales");
    }
    const DType dtype = context.inputs[0].dtype();
    const Bounds bounds = HF_TRY(quantized_bounds(fused_activation(context), output, dtype));
    const auto x = HF_TRY(centered(context.inputs[0], 0));
    Tensor out = HF_TRY(make_tensor(dtype, pool.out()));
    std::uint8_t* to = out.mutable_bytes().data();
    pool.for_windows([&](std::int64_t index, const Pool::Extent& window, std::int64_t channel) {
        std::int64_t sum = 0;
        std::int32_t largest = type_bounds(dtype).low;
        pool.for_inside(window, channel, x.data(), [&](std::int32_t value) {
            sum += value;
            largest = std::max(largest, value);
        });
        to[index] = bounds.stored(average ? rounded_mean(sum, window.count()) : largest);
    });
    return declared(context, std::move(out));
}

Outputs pool(const OpContext& context) {
    const Pool made = HF_TRY(make_pool(context));
    const bool average = context.node.op == "AVERAGE_POOL_2D";
    if (context.inputs[0].dtype() == DType::kF32) return real_pool(context, made, average);
    if (is_quantized(context.inputs[0])) return integer_pool(context, made, average);
    return unsupported_types(context);
}

// Which axes MEAN takes away, and where each element goes.
struct Reduction {
    Shape kept;  // 1 along the reduced axes
    Shape out;   // without them unless keep_dims
    std::int64_t count = 1;
    std::vector<std::int64_t> target;  // by input element
};

Result<Reduction> make_reduction(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    Reduction reduction{input.shape(), {}, 1, {}};
    std::vector<bool> reduced(input.shape().rank(), false);
    for (std::int64_t axis : HF_TRY(to_int64s(HF_TRY(need_input(context, 1))))) {
        reduced[HF_TRY(normalize_axis(axis, input.shape().rank()))] = true;
    }
    const bool keep = context.node.int_or("keep_dims", 0) != 0;
    std::vector<std::int64_t> extents;
    for (std::size_t axis = 0; axis < reduced.size(); ++axis) {
        if (reduced[axis]) {
            reduction.count *= input.shape()[axis];
            reduction.kept[axis] = 1;
        }
        if (keep || !reduced[axis]) extents.push_back(reduction.kept[axis]);
    }
    reduction.out = Shape(std::move(extents));
    if (input.elements() == 0) return invalid_argument("the mean of nothing");
    const std::vector<std::int64_t> strides = broadcast_strides(reduction.kept, input.shape());
    std::vector<std::int64_t> at(input.shape().rank(), 0);
    do {
        reduction.target.push_back(dot(at, strides));
    } while (next_coordinate(input.shape(), at));
    return reduction;
}

Outputs integer_mean(const OpContext& context, const Reduction& reduction) {
    const Affine8 input = HF_TRY(input_affine(context, 0));
    const Affine8 output = HF_TRY(output_affine(context));
    const DType dtype = context.inputs[0].dtype();
    const auto x = HF_TRY(centered(context.inputs[0], input.zero));
    Tensor out = HF_TRY(make_tensor(dtype, reduction.out));
    std::vector<std::int64_t> sums(static_cast<std::size_t>(out.elements()), 0);
    for (std::size_t i = 0; i < x.size(); ++i) {
        sums[static_cast<std::size_t>(reduction.target[i])] += x[i];
    }
    const kernels::FixedFactor factor =
        kernels::fixed_factor(double{input.scale} / double{output.scale});
    const Bounds bounds = type_bounds(dtype);
    for (std::size_t i = 0; i < sums.size(); ++i) {
        if (sums[i] != static_cast<std::int32_t>(sums[i])) {
            return invalid_argument("a sum of {} elements does not fit 32 bits", reduction.count);
        }
        const std::int32_t scaled = kernels::scale_by(static_cast<std::int32_t>(sums[i]), factor);
        out.mutable_bytes()[i] = bounds.stored(rounded_mean(scaled, reduction.count) + output.zero);
    }
    return declared(context, std::move(out));
}

Outputs mean(const OpContext& context) {
    const Reduction reduction = HF_TRY(make_reduction(context));
    const Tensor& input = context.inputs[0];
    if (is_quantized(input)) return integer_mean(context, reduction);
    if (input.dtype() != DType::kF32) return unsupported_types(context);
    Tensor out = HF_TRY(make_tensor(DType::kF32, reduction.out));
    const std::span<float> to = out.mutable_values<float>();
    const std::span<const float> x = input.values<float>();
    for (std::size_t i = 0; i < x.size(); ++i) {
        to[static_cast<std::size_t>(reduction.target[i])] += x[i];
    }
    for (float& value : to) value /= static_cast<float>(reduction.count);
    return declared(context, std::move(out));
}

}  // namespace

std::vector<OpRow> tflite_pool_rows() {
    return {{"tflite", "AVERAGE_POOL_2D", pool},
            {"tflite", "MAX_POOL_2D", pool},
            {"tflite", "MEAN", mean}};
}

}  // namespace hf::runtime::ref
