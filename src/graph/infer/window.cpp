// Convolution and pooling: operators that slide a window over spatial axes.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// No kernel, stride, dilation or pad may be larger.
constexpr std::int64_t kMaxWindow = 1 << 20;

struct Window {
    std::vector<std::int64_t> kernel;
    std::vector<std::int64_t> strides, dilations, pads;
    std::string auto_pad;
    bool ceil_mode = false;
};

Result<Window> read_window(const Context& context, std::vector<std::int64_t> kernel) {
    const std::size_t rank = kernel.size();
    Window w;
    w.kernel = std::move(kernel);
    w.strides = context.node.ints_or("strides", std::vector<std::int64_t>(rank, 1));
    w.dilations = context.node.ints_or("dilations", std::vector<std::int64_t>(rank, 1));
    w.pads = context.node.ints_or("pads", std::vector<std::int64_t>(2 * rank, 0));
    w.auto_pad = context.node.string_or("auto_pad", "NOTSET");
    w.ceil_mode = context.node.int_or("ceil_mode", 0) != 0;
    if (w.strides.size() != rank || w.dilations.size() != rank || w.pads.size() != 2 * rank) {
        return invalid_argument("strides, dilations or pads do not fit {} spatial axes", rank);
    }
    for (std::size_t i = 0; i < 2 * rank; ++i) {
        const std::size_t axis = i % rank;
        const auto within = [](std::int64_t x, std::int64_t low) {
            return x >= low && x <= kMaxWindow;
        };
        if (!within(w.strides[axis], 1) || !within(w.dilations[axis], 1) || !within(w.pads[i], 0) ||
            (w.kernel[axis] != kUnknown && !within(w.kernel[axis], 1))) {
            return invalid_argument("kernel, stride, dilation or pad of axis {} is out of range",
                                    axis);
        }
    }
    return w;
}

Result<std::int64_t> slid_extent(const Window& w, std::size_t axis, std::int64_t extent) {
    if (extent == kUnknown || w.kernel[axis] == kUnknown) return kUnknown;
    const std::int64_t stride = w.strides[axis];
    const std::int64_t reach = (w.kernel[axis] - 1) * w.dilations[axis] + 1;
    if (w.auto_pad.starts_with("SAME")) return (extent + stride - 1) / stride;
    const bool padded = w.auto_pad != "VALID";
    const std::int64_t before = padded ? w.pads[axis] : 0;
    const std::int64_t after = padded ? w.pads[axis + w.kernel.size()] : 0;
    const std::int64_t room = extent + before + after - reach;
    if (room < 0) return invalid_argument("the kernel is larger than the padded axis {}", axis);
    std::int64_t count = (w.ceil_mode ? room + stride - 1 : room) / stride + 1;
    if (w.ceil_mode && (count - 1) * stride >= extent + before) --count;
    return count;
}

// [batch, channels, slid extents] for an input [batch, _, extents].
Result<Shape> slid_shape(const Window& w, const Shape& input, std::int64_t channels) {
    std::vector<std::int64_t> extents{input[0], channels};
    for (std::size_t i = 0; i < w.kernel.size(); ++i) {
        extents.push_back(HF_TRY(slid_extent(w, i, input[i + 2])));
    }
    return Shape(std::move(extents));
}

Status conv_like(Context& context, std::size_t weights_at, std::optional<DType> dtype) {
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(weights_at);
    if (!x || !weights) return context.set(0, dtype, std::nullopt);
    if (x->rank() < 3 || weights->rank() != x->rank()) {
        return invalid_argument("input {} does not fit weights {}", x->to_string(),
                                weights->to_string());
    }
    const std::int64_t groups = context.node.int_or("group", 1);
    const std::int64_t channels = (*x)[1], filters = (*weights)[0], depth = (*weights)[1];
    const bool known = channels != kUnknown && depth != kUnknown;
    if (groups < 1 || groups > kMaxWindow || (known && channels != depth * groups) ||
        (filters != kUnknown && filters % groups != 0)) {
        return invalid_argument("input {} in {} groups does not fit weights {}", x->to_string(),
                                groups, weights->to_string());
    }
    const Window w = HF_TRY(read_window(context, {weights->begin() + 2, weights->end()}));
    return context.set(0, dtype, HF_TRY(slid_shape(w, *x, filters)));
}

Status conv(Context& context) {
    return conv_like(context, 1, context.dtype(0));
}

Status conv_integer(Context& context) {
    return conv_like(context, 1, DType::kI32);
}

Status qlinear_conv(Context& context) {
    return conv_like(context, 3, context.dtype(7));
}

Status conv_transpose(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(1);
    if (!x || !weights || x->rank() < 3 || weights->rank() != x->rank()) {
        return context.set(0, context.dtype(0), std::nullopt);
    }
    const std::size_t rank = x->rank() - 2;
    const Window w = HF_TRY(read_window(context, {weights->begin() + 2, weights->end()}));
    const auto extra = context.node.ints_or("output_padding", std::vector<std::int64_t>(rank, 0));
    const auto wanted = context.node.ints_or("output_shape", {});
    const std::int64_t groups = context.node.int_or("group", 1);
    if (extra.size() != rank || (!wanted.empty() && wanted.size() < rank) || groups < 1 ||
        groups > kMaxWindow) {
        return invalid_argument("attributes do not fit {} spatial axes", rank);
    }
    const std::int64_t per_group = (*weights)[1];
    std::vector<std::int64_t> out{(*x)[0], per_group == kUnknown ? kUnknown : per_group * groups};
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t in = (*x)[i + 2];
        std::int64_t extent = kUnknown;
        if (!wanted.empty()) {
            extent = wanted[wanted.size() - rank + i];
        } else if (in != kUnknown && w.auto_pad.starts_with("SAME")) {
            extent = in * w.strides[i];
        } else if (in != kUnknown && w.kernel[i] != kUnknown) {
            extent = w.strides[i] * (in - 1) + extra[i] + (w.kernel[i] - 1) * w.dilations[i] + 1 -
                     w.pads[i] - w.pads[i + rank];
        }
        if (extent < kUnknown || extent == 0) return invalid_argument("axis {} has no output", i);
        out.push_back(extent);
    }
    return context.set(0, context.dtype(0), Shape(std::move(out)));
}

Status pool(Context& context) {
    const Shape* x = context.shape(0);
    std::optional<Shape> out;
    if (x) {
        const std::vector<std::int64_t> kernel = context.node.ints_or("kernel_shape", {});
        if (x->rank() < 3 || kernel.size() != x->rank() - 2) {
            return invalid_argument("input {} does not fit a kernel of {} axes", x->to_string(),
                                    kernel.size());
        }
        out = HF_TRY(slid_shape(HF_TRY(read_window(context, kernel)), *x, (*x)[1]));
    }
    HF_TRY(context.set(0, context.dtype(0), out));
    return context.set(1, DType::kI64, out);
}

Status global_pool(Context& context) {
    const Shape* x = context.shape(0);
    if (!x || x->rank() < 3) return context.set(0, context.dtype(0), std::nullopt);
    Shape out = *x;
    for (std::size_t i = 2; i < out.rank(); ++i) out[i] = 1;
    return context.set(0, context.dtype(0), out);
}

}  // namespace

std::vector<Row> window_rows() {
    return {{"", "Conv", conv},
            {"com.microsoft", "FusedConv", conv},
            {"", "ConvInteger", conv_integer},
            {"", "QLinearConv", qlinear_conv},
            {"", "ConvTranspose", conv_transpose},
            {"", "MaxPool", pool},
            {"", "AveragePool", pool},
            {"", "LpPool", pool},
            {"", "GlobalAveragePool", global_pool},
            {"", "GlobalMaxPool", global_pool},
            {"", "GlobalLpPool", global_pool},
            {"com.microsoft", "QLinearAveragePool", pool},
            {"com.microsoft", "QLinearGlobalAveragePool", global_pool}};
}

}  // namespace hf::graph::infer
