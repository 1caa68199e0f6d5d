// The operators that passes make; see graph/hf_ops.md. Whatever lowering and the reference device
// take for granted of their operands is refused here where it is not so.

#include <array>

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// Of strides, dilations, pads and kernels: beyond any image.
constexpr std::int64_t kMaxWindow = 1 << 20;

bool is_quantized(const Context& context) {
    return context.node.op[0] == 'Q';
}

// What images, matrices and their weights consist of.
DType element(const Context& context) {
    return is_quantized(context) ? DType::kI8 : DType::kF32;
}

// One output, and no inputs beyond those of the operator.
Status expect_counts(const Context& context, std::size_t most_inputs) {
    const std::size_t inputs = context.node.inputs.size();
    if (inputs <= most_inputs && context.output_count() == 1) return {};
    return invalid_argument("{} inputs and {} outputs, want at most {} and one", inputs,
                            context.output_count(), most_inputs);
}

Status expect_type(const Context& context, std::size_t index, DType want) {
    if (!context.has_input(index)) return invalid_argument("input {} is left out", index);
    const DType got = context.dtype(index).value_or(want);
    if (got == want) return {};
    return invalid_argument("input {} is {}, want {}", index, dtype_name(got), dtype_name(want));
}

bool agree(std::int64_t a, std::int64_t b) {
    return a == kUnknown || b == kUnknown || a == b;
}

// As far as both are known.
Status expect_shape(const Context& context, std::size_t index, const Shape& want) {
    const Shape* got = context.shape(index);
    if (!got) return {};
    bool fits = got->rank() == want.rank();
    for (std::size_t i = 0; fits && i < want.rank(); ++i) fits = agree((*got)[i], want[i]);
    if (fits) return {};
    return invalid_argument("input {} is {}, want {}", index, got->to_string(), want.to_string());
}

// Inputs 2 and 3 of a layer: bias and residual, which may be left out; of an int8 layer bias and
// factors, which may not.
Status expect_layer(const Context& context, std::int64_t channels,
                    const std::optional<Shape>& output) {
    if (is_quantized(context)) {
        HF_TRY(expect_type(context, 2, DType::kI32));
        HF_TRY(expect_type(context, 3, DType::kF32));
        HF_TRY(expect_shape(context, 2, Shape{channels}));
        return expect_shape(context, 3, Shape{channels});
    }
    for (const std::size_t index : {2u, 3u}) {
        if (context.has_input(index)) HF_TRY(expect_type(context, index, DType::kF32));
    }
    HF_TRY(expect_shape(context, 2, Shape{channels}));
    return output ? expect_shape(context, 3, *output) : Status();
}

Result<std::int64_t> slid(const Context& context, std::size_t axis, std::int64_t extent,
                          std::int64_t kernel) {
    const auto strides = context.node.ints_or("strides", {});
    const auto dilations = context.node.ints_or("dilations", {1, 1});
    const auto pads = context.node.ints_or("pads", {});
    if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) {
        return invalid_argument("strides, dilations and pads must be given for two axes");
    }
    const auto within = [](std::int64_t x, std::int64_t low) {
        return x >= low && x <= kMaxWindow;
    };
    if (!within(strides[axis], 1) || !within(dilations[axis], 1) || !within(kernel, 1) ||
        !within(pads[axis], 0) || !within(pads[axis + 2], 0)) {
        return invalid_argument("kernel, stride, dilation or pad of axis {} is out of range", axis);
    }
    if (extent == kUnknown) return kUnknown;
    const std::int64_t room =
        extent + pads[axis] + pads[axis + 2] - ((kernel - 1) * dilations[axis] + 1);
    if (room < 0) return invalid_argument("the kernel is larger than the padded axis {}", axis);
    return room / strides[axis] + 1;
}

// Input 0, as NHWC; nullptr when its rank is not known.
Result<const Shape*> image(const Context& context) {
    const Shape* x = context.shape(0);
    if (x && x->rank() != 4) return invalid_argument("want NHWC, got {}", x->to_string());
    return x;
}

Status conv2d(Context& context) {
    HF_TRY(expect_counts(context, 4));
    HF_TRY(expect_type(context, 0, element(context)));
    HF_TRY(expect_type(context, 1, element(context)));
    const Shape* x = HF_TRY(image(context));
    const Shape* weights = context.shape(1);
    if (!weights || weights->rank() != 4 || !weights->is_known()) {
        return invalid_argument("weights must be a constant of OHWI");
    }
    const std::int64_t filters = (*weights)[0], groups = context.node.int_or("group", 1);
    const std::int64_t depth = x ? (*x)[3] : kUnknown;
    if (groups < 1 || filters % groups != 0 ||
        (depth != kUnknown && (depth % groups != 0 || depth / groups != (*weights)[3]))) {
        return invalid_argument("input {} in {} groups does not fit weights {}",
                                x ? x->to_string() : "*", groups, weights->to_string());
    }
    std::optional<Shape> out;
    if (x) {
        const std::int64_t height = HF_TRY(slid(context, 0, (*x)[1], (*weights)[1]));
        const std::int64_t width = HF_TRY(slid(context, 1, (*x)[2], (*weights)[2]));
        out = Shape{(*x)[0], height, width, filters};
    }
    HF_TRY(expect_layer(context, filters, out));
    return context.set(0, element(context), out);
}

// Whether every window of a pool has a pixel under it, so far as this is known.
bool touches(const Context& context, std::size_t axis, std::int64_t extent, std::int64_t windows) {
    const auto kernel = context.node.ints_or("kernel_shape", {});
    const auto strides = context.node.ints_or("strides", {});
    const std::int64_t before = context.node.ints_or("pads", {})[axis];
    if (before >= kernel[axis]) return false;
    return extent == kUnknown || (windows - 1) * strides[axis] - before < extent;
}

Status pool2d(Context& context) {
    HF_TRY(expect_counts(context, 1));
    const bool stored = context.node.op == "MaxPool2d" && context.dtype(0) == DType::kI8;
    const DType dtype = stored ? DType::kI8 : DType::kF32;
    HF_TRY(expect_type(context, 0, dtype));
    const Shape* x = HF_TRY(image(context));
    const auto kernel = context.node.ints_or("kernel_shape", {});
    if (kernel.size() != 2) return invalid_argument("kernel_shape must have two extents");
    if (!x) return context.set(0, context.dtype(0), std::nullopt);
    const std::int64_t height = HF_TRY(slid(context, 0, (*x)[1], kernel[0]));
    const std::int64_t width = HF_TRY(slid(context, 1, (*x)[2], kernel[1]));
    if (!touches(context, 0, (*x)[1], height) || !touches(context, 1, (*x)[2], width)) {
        return invalid_argument("a window lies in the padding, and nothing of {} under it",
                                x->to_string());
    }
    return context.set(0, context.dtype(0), Shape{(*x)[0], height, width, (*x)[3]});
}

Status gemm(Context& context) {
    HF_TRY(expect_counts(context, 4));
    HF_TRY(expect_type(context, 0, element(context)));
    HF_TRY(expect_type(context, 1, element(context)));
    const Shape* x = context.shape(0);
    const Shape* weights = context.shape(1);
    if (!weights || weights->rank() != 2 || (x && x->rank() < 2)) {
        return invalid_argument("want rows and a matrix of weights");
    }
    std::optional<Shape> out;
    if (x) {
        if (!agree(x->extents().back(), (*weights)[1])) {
            return invalid_argument("rows of {} do not fit weights {}", x->to_string(),
                                    weights->to_string());
        }
        std::vector<std::int64_t> extents = x->extents();
        extents.back() = (*weights)[0];
        out = Shape(std::move(extents));
    }
    HF_TRY(expect_layer(context, (*weights)[0], out));
    return context.set(0, element(context), out);
}

// [batch, height, width, channels] to [batch, 1, 1, channels].
Status mean(Context& context) {
    HF_TRY(expect_counts(context, 1));
    HF_TRY(expect_type(context, 0, DType::kI8));
    const Shape* x = HF_TRY(image(context));
    if (!x) return context.set(0, DType::kI8, std::nullopt);
    return context.set(0, DType::kI8, Shape{(*x)[0], 1, 1, (*x)[3]});
}

// The mask of attention: [batch, heads, queries, keys], each of the first three also 1.
Status expect_mask(const Context& context, const Shape& q, const Shape& k) {
    const Shape* mask = context.shape(3);
    if (!mask) return {};
    const std::array<std::int64_t, 4> full{q[0], q[2], q[1], k[1]};
    bool fits = mask->rank() == 4;
    for (std::size_t i = 0; fits && i < 4; ++i) {
        fits = agree((*mask)[i], full[i]) || (i < 3 && (*mask)[i] == 1);
    }
    if (fits) return {};
    return invalid_argument("the mask {} does not fit queries {} and keys {}", mask->to_string(),
                            q.to_string(), k.to_string());
}

Status attention(Context& context) {
    HF_TRY(expect_counts(context, 4));
    for (std::size_t i = 0; i < 4; ++i) {
        if (i < 3 || context.has_input(i)) HF_TRY(expect_type(context, i, DType::kF32));
    }
    for (std::size_t i = 0; i < 3; ++i) {
        const Shape* shape = context.shape(i);
        if (!shape || shape->rank() == 4) continue;
        return invalid_argument("input {} is {}, want [batch, rows, heads, size]", i,
                                shape->to_string());
    }
    const Shape* q = context.shape(0);
    const Shape* k = context.shape(1);
    if (!q) return context.set(0, DType::kF32, std::nullopt);
    if (k) {
        HF_TRY(expect_shape(context, 1, Shape{(*q)[0], (*k)[1], (*q)[2], (*q)[3]}));
        HF_TRY(expect_shape(context, 2, *k));
        if ((*k)[1] == 0) return invalid_argument("there are no keys");
        HF_TRY(expect_mask(context, *q, *k));
    }
    return context.set(0, DType::kF32, *q);
}

Status gelu(Context& context) {
    HF_TRY(expect_counts(context, 1));
    HF_TRY(expect_type(context, 0, DType::kF32));
    return same_as_input(context);
}

Status add(Context& context) {
    HF_TRY(expect_counts(context, 2));
    HF_TRY(expect_type(context, 0, DType::kI8));
    HF_TRY(expect_type(context, 1, DType::kI8));
    const Shape* a = context.shape(0);
    if (a) HF_TRY(expect_shape(context, 1, *a));
    return context.set(0, DType::kI8, a ? std::optional<Shape>(*a) : std::nullopt);
}

}  // namespace

std::vector<Row> hf_rows() {
    return {{"hf", "Conv2d", conv2d},
            {"hf", "MaxPool2d", pool2d},
            {"hf", "AveragePool2d", pool2d},
            {"hf", "Attention", attention},
            {"hf", "Gelu", gelu},
            {"hf", "Gemm", gemm},
            {"hf", "QConv2d", conv2d},
            {"hf", "QGemm", gemm},
            {"hf", "QAdd", add},
            {"hf", "QMean", mean}};
}

}  // namespace hf::graph::infer
