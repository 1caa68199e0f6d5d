// The operators that passes make; see graph/hf_ops.md.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

Result<std::int64_t> slid(const Context& context, std::size_t axis, std::int64_t extent,
                          std::int64_t kernel) {
    const auto strides = context.node.ints_or("strides", {});
    const auto dilations = context.node.ints_or("dilations", {1, 1});
    const auto pads = context.node.ints_or("pads", {});
    if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 || strides[axis] < 1) {
        return invalid_argument("strides, dilations and pads must be given for two axes");
    }
    if (extent == kUnknown) return kUnknown;
    const std::int64_t room =
        extent + pads[axis] + pads[axis + 2] - ((kernel - 1) * dilations[axis] + 1);
    if (room < 0) return invalid_argument("the kernel is larger than the padded axis {}", axis);
    return room / strides[axis] + 1;
}

Result<const Shape*> image(const Context& context) {
    const Shape* x = context.shape(0);
    if (x && x->rank() != 4) return invalid_argument("want NHWC, got {}", x->to_string());
    return x;
}

Status conv2d(Context& context) {
    const Shape* x = HF_TRY(image(context));
    const Shape* weights = context.shape(1);
    if (!weights || weights->rank() != 4 || !weights->is_known()) {
        return invalid_argument("weights must be a constant of OHWI");
    }
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    const std::int64_t groups = context.node.int_or("group", 1);
    if (groups < 1 || ((*x)[3] != kUnknown && (*x)[3] != (*weights)[3] * groups) ||
        (*weights)[0] % groups != 0) {
        return invalid_argument("input {} in {} groups does not fit weights {}", x->to_string(),
                                groups, weights->to_string());
    }
    const std::int64_t height = HF_TRY(slid(context, 0, (*x)[1], (*weights)[1]));
    const std::int64_t width = HF_TRY(slid(context, 1, (*x)[2], (*weights)[2]));
    return context.set(0, context.dtype(0), Shape{(*x)[0], height, width, (*weights)[0]});
}

Status pool2d(Context& context) {
    const Shape* x = HF_TRY(image(context));
    const auto kernel = context.node.ints_or("kernel_shape", {});
    if (kernel.size() != 2) return invalid_argument("kernel_shape must have two extents");
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    const std::int64_t height = HF_TRY(slid(context, 0, (*x)[1], kernel[0]));
    const std::int64_t width = HF_TRY(slid(context, 1, (*x)[2], kernel[1]));
    return context.set(0, context.dtype(0), Shape{(*x)[0], height, width, (*x)[3]});
}

Status gemm(Context& context) {
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(1);
    if (!weights || weights->rank() != 2 || (x && x->rank() < 2)) {
        return invalid_argument("want rows and a matrix of weights");
    }
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    std::vector<std::int64_t> extents = x->extents();
    extents.back() = (*weights)[0];
    return context.set(0, context.dtype(0), Shape(extents));
}

// [batch, height, width, channels] to [batch, 1, 1, channels].
Status mean(Context& context) {
    const Shape* x = HF_TRY(image(context));
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    return context.set(0, context.dtype(0), Shape{(*x)[0], 1, 1, (*x)[3]});
}

// The output is like input 0.
Status same(Context& context) {
    const Shape* x = context.shape(0);
    return context.set(0, context.dtype(0), x ? std::optional<Shape>(*x) : std::nullopt);
}

}  // namespace

std::vector<Row> hf_rows() {
    return {{"hf", "Conv2d", conv2d},  {"hf", "MaxPool2d", pool2d}, {"hf", "AveragePool2d", pool2d},
            {"hf", "Attention", same}, {"hf", "Gelu", same},        {"hf", "Gemm", gemm},
            {"hf", "QConv2d", conv2d}, {"hf", "QGemm", gemm},       {"hf", "QAdd", same},
            {"hf", "QMean", mean}};
}

}  // namespace hf::graph::infer
