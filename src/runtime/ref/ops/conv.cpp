// Convolution and transposed convolution over any number of spatial axes.

#include <algorithm>
#include <numeric>

#include "runtime/ref/ops/integer.h"
#include "runtime/ref/ops/window.h"

namespace hf::runtime::ref {
namespace {

struct ConvShape {
    std::int64_t batch, channels, filters, groups;
    std::int64_t in_size, out_size, taps;  // spatial products
};

// For each tap, adds weight * input over whole rows of the output: a row is the last spatial axis,
// where both sides move in constant steps.
template <typename T>
void add_plane(const T* in, const T* weights, T* out, const Window& w) {
    const std::size_t last = w.kernel.size() - 1;
    const std::int64_t row = w.out[last];
    std::vector<std::int64_t> at(w.kernel.size(), 0);
    std::vector<std::int64_t> outer = w.out.extents();
    outer[last] = 1;
    const Shape rows(outer), kernel(w.kernel);
    std::int64_t out_index = 0;
    do {
        std::vector<std::int64_t> tap(w.kernel.size(), 0);
        std::int64_t tap_index = 0;
        do {
            std::int64_t from = 0;
            bool inside = true;
            for (std::size_t i = 0; i < last && inside; ++i) {
                const std::int64_t x = at[i] * w.strides[i] + tap[i] * w.dilations[i] - w.before[i];
                inside = x >= 0 && x < w.in[i];
                from = (from + x) * w.in[i + 1];
            }
            const T weight = weights[tap_index++];
            if (!inside) continue;
            const std::int64_t shift = tap[last] * w.dilations[last] - w.before[last];
            const std::int64_t stride = w.strides[last];
            const std::int64_t first = shift >= 0 ? 0 : (-shift + stride - 1) / stride;
            const std::int64_t end =
                std::min(row, shift >= w.in[last] ? 0 : (w.in[last] - 1 - shift) / stride + 1);
            const T* source = in + from + shift;
            for (std::int64_t j = first; j < end; ++j)
                out[out_index + j] += weight * source[j * stride];
        } while (next_coordinate(kernel, tap));
        out_index += row;
    } while (next_coordinate(rows, at));
}

template <typename T>
struct ConvData {
    const T* in;
    const T* weights;
    T* out;
};

template <typename T>
void convolve(const ConvShape& s, const Window& w, const ConvData<T>& data) {
    const auto [in, weights, out] = data;
    const std::int64_t in_per_group = s.channels / s.groups;
    const std::int64_t out_per_group = s.filters / s.groups;
    for (std::int64_t n = 0; n < s.batch; ++n) {
        for (std::int64_t f = 0; f < s.filters; ++f) {
            const std::int64_t group = f / out_per_group;
            for (std::int64_t c = 0; c < in_per_group; ++c) {
                add_plane(in + (n * s.channels + group * in_per_group + c) * s.in_size,
                          weights + (f * in_per_group + c) * s.taps,
                          out + (n * s.filters + f) * s.out_size, w);
            }
        }
    }
}

Shape image_shape(std::int64_t batch, std::int64_t channels, const Shape& spatial) {
    std::vector<std::int64_t> extents{batch, channels};
    extents.insert(extents.end(), spatial.begin(), spatial.end());
    return Shape(std::move(extents));
}

template <typename T>
Status add_bias(const Tensor* bias, Tensor& out) {
    if (!bias) return {};
    if (bias->elements() != out.shape()[1] || bias->dtype() != out.dtype()) {
        return invalid_argument("the bias does not fit {} filters", out.shape()[1]);
    }
    const AxisSplit split = split_at(out.shape(), 1);
    const auto values = out.mutable_values<T>();
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto filter = static_cast<std::int64_t>(i) / split.inner % split.extent;
        values[i] += bias->values<T>()[static_cast<std::size_t>(filter)];
    }
    return {};
}

Result<ConvShape> check_conv(const OpContext& context, const Tensor& x, const Tensor& weights) {
    const Shape& kernel = weights.shape();
    const std::int64_t groups = context.node.int_or("group", 1);
    if (x.shape().rank() < 3 || kernel.rank() != x.shape().rank() || x.dtype() != weights.dtype()) {
        return invalid_argument("input {} does not fit weights {}", x.shape().to_string(),
                                kernel.to_string());
    }
    if (groups < 1 || x.shape()[1] % groups != 0 || kernel[0] % groups != 0 ||
        x.shape()[1] / groups != kernel[1]) {
        return invalid_argument("{} channels in {} groups do not fit weights {}", x.shape()[1],
                                groups, kernel.to_string());
    }
    return ConvShape{x.shape()[0], x.shape()[1], kernel[0], groups, 0, 0, 0};
}

Outputs conv_of(const OpContext& context, const Tensor& x, const Tensor& weights) {
    ConvShape s = HF_TRY(check_conv(context, x, weights));
    const Window w = HF_TRY(
        make_window(context, x.shape(), {weights.shape().begin() + 2, weights.shape().end()}));
    s.in_size = w.in.elements();
    s.out_size = w.out.elements();
    s.taps = Shape(w.kernel).elements();
    Tensor out = HF_TRY(make_tensor(x.dtype(), image_shape(s.batch, s.filters, w.out)));
    HF_TRY(visit_real(x.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        if (out.elements() == 0) return {};
        convolve<T>(
            s, w,
            {x.values<T>().data(), weights.values<T>().data(), out.mutable_values<T>().data()});
        return context.node.op == "Conv" ? add_bias<T>(context.input(2), out) : Status();
    }));
    return one(std::move(out));
}

Outputs conv(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (is_half(x.dtype())) return widen_halves(context, conv);
    return conv_of(context, x, HF_TRY(need_input(context, 1)));
}

Outputs conv_integer(const OpContext& context) {
    const Tensor sums = HF_TRY(integer_convolution(context, {0, 2}, {1, 3}));
    return one(HF_TRY(wrap_to_i32(sums)));
}

// The window of the convolution whose gradient this is: from the output back to the input.
Result<Window> transpose_window(const OpContext& context, const Shape& input,
                                const Shape& weights) {
    const std::size_t rank = input.rank() - 2;
    Window w;
    w.kernel.assign(weights.begin() + 2, weights.end());
    w.strides = context.node.ints_or("strides", std::vector<std::int64_t>(rank, 1));
    w.dilations = context.node.ints_or("dilations", std::vector<std::int64_t>(rank, 1));
    std::vector<std::int64_t> pads =
        context.node.ints_or("pads", std::vector<std::int64_t>(2 * rank, 0));
    const auto extra = context.node.ints_or("output_padding", std::vector<std::int64_t>(rank, 0));
    std::vector<std::int64_t> wanted = context.node.ints_or("output_shape", {});
    const std::string auto_pad = context.node.string_or("auto_pad", "NOTSET");
    if (w.strides.size() != rank || w.dilations.size() != rank || pads.size() != 2 * rank ||
        extra.size() != rank || (!wanted.empty() && wanted.size() < rank)) {
        return invalid_argument("attributes do not fit {} spatial axes", rank);
    }
    if (wanted.size() > rank)
        wanted.erase(wanted.begin(), wanted.end() - static_cast<std::ptrdiff_t>(rank));
    std::vector<std::int64_t> in, out;
    constexpr std::int64_t kMax = 1 << 20;  // as of window.cpp
    const auto within = [](std::int64_t x, std::int64_t low) { return x >= low && x <= kMax; };
    for (std::size_t i = 0; i < rank; ++i) {
        if (!within(w.strides[i], 1) || !within(w.dilations[i], 1) || !within(w.kernel[i], 1) ||
            !within(extra[i], 0) || !within(pads[i], -kMax) || !within(pads[i + rank], -kMax) ||
            (!wanted.empty() && (wanted[i] < 1 || wanted[i] > Shape::kMaxElements))) {
            return invalid_argument(
                "stride, dilation, kernel, padding or output shape of axis {} is out of bounds", i);
        }
        const std::int64_t full =
            w.strides[i] * (input[i + 2] - 1) + extra[i] + (w.kernel[i] - 1) * w.dilations[i] + 1;
        std::int64_t extent = full - pads[i] - pads[i + rank];
        if (!wanted.empty() || auto_pad.starts_with("SAME")) {
            extent = wanted.empty() ? input[i + 2] * w.strides[i] : wanted[i];
            const std::int64_t total = std::max<std::int64_t>(0, full - extent);
            pads[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
            if (!wanted.empty() && auto_pad == "NOTSET") pads[i] = total / 2;
        }
        if (extent < 1) return invalid_argument("axis {} has no output", i);
        w.before.push_back(pads[i]);
        in.push_back(extent);
        out.push_back(input[i + 2]);
    }
    w.in = Shape(std::move(in));
    w.out = Shape(std::move(out));
    HF_TRY(w.in.check());
    return w;
}

Outputs conv_transpose(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    if (is_half(x.dtype())) return widen_halves(context, conv_transpose);
    const Tensor weights = HF_TRY(need_input(context, 1));
    const std::int64_t groups = context.node.int_or("group", 1);
    if (x.shape().rank() < 3 || weights.shape().rank() != x.shape().rank() || groups < 1 ||
        x.shape()[1] != weights.shape()[0] || x.shape()[1] % groups != 0 ||
        x.dtype() != weights.dtype()) {
        return invalid_argument("input {} does not fit weights {}", x.shape().to_string(),
                                weights.shape().to_string());
    }
    const Window w = HF_TRY(transpose_window(context, x.shape(), weights.shape()));
    const std::int64_t channels = x.shape()[1], per_group = weights.shape()[1];
    const std::int64_t filters = per_group * groups, in_size = w.out.elements();
    const std::int64_t out_size = w.in.elements(), taps = Shape(w.kernel).elements();
    Tensor out = HF_TRY(make_tensor(x.dtype(), image_shape(x.shape()[0], filters, w.in)));
    HF_TRY(visit_real(x.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        const auto in = x.values<T>();
        const auto to = out.mutable_values<T>();
        for (std::int64_t nc = 0; nc < x.shape()[0] * channels; ++nc) {
            const std::int64_t n = nc / channels, c = nc % channels;
            for (std::int64_t m = 0; m < per_group; ++m) {
                const std::int64_t filter = c / (channels / groups) * per_group + m;
                std::vector<std::int64_t> at(w.kernel.size(), 0);
                std::int64_t index = 0;
                do {
                    const T value = in[static_cast<std::size_t>(nc * in_size + index++)];
                    w.for_taps(at, [&](std::int64_t tap, std::int64_t place) {
                        to[static_cast<std::size_t>((n * filters + filter) * out_size + place)] +=
                            value * weights.values<T>()[static_cast<std::size_t>(
                                        (c * per_group + m) * taps + tap)];
                    });
                } while (next_coordinate(w.out, at));
            }
        }
        return add_bias<T>(context.input(2), out);
    }));
    return one(std::move(out));
}

}  // namespace

Result<Tensor> integer_convolution(const OpContext& context, Stored input, Stored weights) {
    const Tensor x = HF_TRY(need_input(context, input.values));
    const Tensor w = HF_TRY(need_input(context, weights.values));
    std::vector<Tensor> out =
        HF_TRY(conv_of(context, HF_TRY(less_zero_point(x, context.input(input.zero), 1)),
                       HF_TRY(less_zero_point(w, context.input(weights.zero), 0))));
    return std::move(out[0]);
}

std::vector<OpRow> conv_rows() {
    return {{"", "Conv", conv},
            {"", "ConvTranspose", conv_transpose},
            {"", "ConvInteger", conv_integer}};
}

}  // namespace hf::runtime::ref
