// MaxUnpool: puts the elements back where MaxPool found them.

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// The shape that MaxPool came from, if nothing was cut off.
Result<Shape> pooled_from(const graph::Node& node, const Shape& input) {
    const std::vector<std::int64_t> kernel = node.ints_or("kernel_shape", {});
    if (input.rank() < 3 || kernel.size() != input.rank() - 2) {
        return invalid_argument("input {} does not fit a kernel of {} axes", input.to_string(),
                                kernel.size());
    }
    const std::size_t rank = kernel.size();
    const auto strides = node.ints_or("strides", std::vector<std::int64_t>(rank, 1));
    const auto pads = node.ints_or("pads", std::vector<std::int64_t>(2 * rank, 0));
    if (strides.size() != rank || pads.size() != 2 * rank) {
        return invalid_argument("strides or pads do not fit {} spatial axes", rank);
    }
    Shape shape = input;
    for (std::size_t i = 0; i < rank; ++i) {
        constexpr std::int64_t kMax = 1 << 20;
        const auto within = [](std::int64_t x, std::int64_t low) { return x >= low && x <= kMax; };
        if (!within(kernel[i], 1) || !within(strides[i], 1) || !within(pads[i], 0) ||
            !within(pads[i + rank], 0)) {
            return invalid_argument("kernel, stride or pad of axis {} is out of range", i);
        }
        shape[i + 2] = (input[i + 2] - 1) * strides[i] + kernel[i] - pads[i] - pads[i + rank];
    }
    HF_TRY(shape.check());
    return shape;
}

// The given shape when it holds the whole of the default one, which the indices speak of.
Result<Shape> wanted_shape(const OpContext& context, const Shape& fallback) {
    if (!context.input(2)) return fallback;
    const Shape wanted(HF_TRY(to_int64s(*context.input(2))));
    HF_TRY(wanted.check());
    bool holds = wanted.rank() == fallback.rank();
    for (std::size_t i = 0; holds && i < wanted.rank(); ++i) {
        holds = i < 2 ? wanted[i] == fallback[i] : wanted[i] >= fallback[i];
    }
    if (!holds) {
        return invalid_argument("output_shape {} does not hold {}", wanted.to_string(),
                                fallback.to_string());
    }
    return wanted;
}

Outputs max_unpool(const OpContext& context) {
    const Tensor x = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    if (picks.shape() != x.shape()) {
        return invalid_argument("indices {} do not fit input {}", picks.shape().to_string(),
                                x.shape().to_string());
    }
    const std::vector<std::int64_t> indices = HF_TRY(to_int64s(picks));
    const Shape from = HF_TRY(pooled_from(context.node, x.shape()));
    const Shape shape = HF_TRY(wanted_shape(context, from));
    const std::vector<std::int64_t> strides = shape.strides();
    Tensor out = HF_TRY(make_tensor(x.dtype(), shape));
    const std::size_t size = dtype_size(x.dtype());
    if (size == 0) return invalid_argument("strings cannot be unpooled");
    for (std::size_t i = 0; i < indices.size(); ++i) {
        std::int64_t rest = indices[i], to = 0;
        if (rest < 0 || rest >= from.elements()) {
            return invalid_argument("index {} of {} elements", rest, from.elements());
        }
        for (std::size_t axis = from.rank(); axis-- > 0;) {
            to += rest % from[axis] * strides[axis];
            rest /= from[axis];
        }
        std::memcpy(out.mutable_bytes().data() + static_cast<std::size_t>(to) * size,
                    x.bytes().data() + i * size, size);
    }
    return one(std::move(out));
}

}  // namespace

std::vector<OpRow> unpool_rows() {
    return {{"", "MaxUnpool", max_unpool}};
}

}  // namespace hf::runtime::ref
