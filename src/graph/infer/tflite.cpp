// TensorFlow Lite's builtin operators. Their files state every shape; the rules check that the
// stated shapes follow. Attributes as in graph/tflite/import.h.

#include <algorithm>

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

Status like_input(Context& context) {
    const Shape* shape = context.shape(0);
    return context.set(0, std::nullopt, shape ? std::optional<Shape>(*shape) : std::nullopt);
}

Status broadcast_pair(Context& context) {
    if (!context.shape(0) || !context.shape(1)) return {};
    return context.set(0, std::nullopt, HF_TRY(broadcast(*context.shape(0), *context.shape(1))));
}

// TFLite's output extent: SAME ignores the kernel, VALID keeps windows inside.
Result<std::int64_t> slid(const Context& context, std::int64_t extent, std::int64_t kernel,
                          const char* suffix) {
    const std::int64_t stride = context.node.int_or(fmt::format("stride_{}", suffix), 1);
    const std::int64_t dilation = context.node.int_or(fmt::format("dilation_{}", suffix), 1);
    constexpr std::int64_t kMax = 1 << 20;
    if (stride < 1 || dilation < 1 || kernel < 1 || stride > kMax || dilation > kMax ||
        kernel > kMax) {
        return invalid_argument("stride, dilation or kernel along '{}' is out of range", suffix);
    }
    if (extent == kUnknown) return kUnknown;
    if (context.node.string_or("padding", "VALID") == "SAME") return (extent + stride - 1) / stride;
    const std::int64_t room = extent - ((kernel - 1) * dilation + 1);
    if (room < 0) return invalid_argument("the kernel is larger than the image along '{}'", suffix);
    return room / stride + 1;
}

Status window(Context& context, std::int64_t kernel_h, std::int64_t kernel_w,
              std::int64_t channels) {
    const Shape& x = *context.shape(0);
    if (x.rank() != 4) return invalid_argument("want NHWC, got {}", x.to_string());
    const std::int64_t height = HF_TRY(slid(context, x[1], kernel_h, "h"));
    const std::int64_t width = HF_TRY(slid(context, x[2], kernel_w, "w"));
    return context.set(0, std::nullopt, Shape{x[0], height, width, channels});
}

Status conv2d(Context& context) {
    const Shape* weights = context.shape(1);
    if (!context.shape(0) || !weights) return {};
    if (weights->rank() != 4) return invalid_argument("weights of {}", weights->to_string());
    const bool depthwise = context.node.op == "DEPTHWISE_CONV_2D";
    return window(context, (*weights)[1], (*weights)[2], (*weights)[depthwise ? 3 : 0]);
}

Status pool2d(Context& context) {
    if (!context.shape(0)) return {};
    if (context.shape(0)->rank() != 4) {
        return invalid_argument("want NHWC, got {}", context.shape(0)->to_string());
    }
    return window(context, context.node.int_or("filter_h", 1), context.node.int_or("filter_w", 1),
                  (*context.shape(0))[3]);
}

Status fully_connected(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(1);
    if (!x || !weights) return {};
    if (weights->rank() != 2) return invalid_argument("weights of {}", weights->to_string());
    const std::int64_t columns = (*weights)[0], depth = (*weights)[1];
    if (context.node.int_or("keep_num_dims", 0) != 0 && x->rank() > 0) {
        Shape out = *x;
        out[out.rank() - 1] = columns;
        return context.set(0, std::nullopt, out);
    }
    const std::int64_t elements = product(x->extents());
    if (elements == kUnknown || depth < 1) return {};
    if (elements % depth != 0) {
        return invalid_argument("input {} does not divide into rows of {}", x->to_string(), depth);
    }
    return context.set(0, std::nullopt, Shape{elements / depth, columns});
}

Status mean(Context& context) {
    const Shape* x = context.shape(0);
    const auto axes = context.ints(1);
    if (!x || !axes) return {};
    std::vector<bool> gone(x->rank(), false);
    for (std::int64_t axis : *axes) gone[HF_TRY(normalize_axis(axis, x->rank()))] = true;
    const bool keep = context.node.int_or("keep_dims", 0) != 0;
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < x->rank(); ++i) {
        if (!gone[i] || keep) extents.push_back(gone[i] ? 1 : (*x)[i]);
    }
    return context.set(0, std::nullopt, Shape(std::move(extents)));
}

// The declared output must hold as many elements as the input.
Status reshape(Context& context) {
    const Shape* x = context.shape(0);
    if (!x || context.node.outputs.empty() || context.node.outputs[0] == kNoValue) return {};
    const Value& out = context.graph().value(context.node.outputs[0]);
    if (!out.shape || !out.shape->is_known() || !x->is_known()) return {};
    if (product(out.shape->extents()) == product(x->extents())) return {};
    return invalid_argument("cannot reshape {} into {}", x->to_string(), out.shape->to_string());
}

}  // namespace

std::vector<Row> tflite_rows() {
    return {{"tflite", "CONV_2D", conv2d},
            {"tflite", "DEPTHWISE_CONV_2D", conv2d},
            {"tflite", "AVERAGE_POOL_2D", pool2d},
            {"tflite", "MAX_POOL_2D", pool2d},
            {"tflite", "FULLY_CONNECTED", fully_connected},
            {"tflite", "ADD", broadcast_pair},
            {"tflite", "SUB", broadcast_pair},
            {"tflite", "MUL", broadcast_pair},
            {"tflite", "SOFTMAX", like_input},
            {"tflite", "LOGISTIC", like_input},
            {"tflite", "TANH", like_input},
            {"tflite", "RELU", like_input},
            {"tflite", "RELU6", like_input},
            {"tflite", "QUANTIZE", like_input},
            {"tflite", "DEQUANTIZE", like_input},
            {"tflite", "MEAN", mean},
            {"tflite", "RESHAPE", reshape}};
}

}  // namespace hf::graph::infer
