// TFLite's operators that only move elements: RESHAPE, SQUEEZE, TRANSPOSE, CONCATENATION, PAD, and
// RESIZE_NEAREST_NEIGHBOR.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/tflite.h"

namespace hf::runtime::ref {
namespace {

Outputs reshape(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    std::vector<std::int64_t> wanted = context.node.ints_or("new_shape", {});
    if (const Tensor* shape = context.input(1)) wanted = HF_TRY(to_int64s(*shape));
    std::int64_t known = 1;
    const auto open = std::find(wanted.begin(), wanted.end(), -1);
    for (auto it = wanted.begin(); it != wanted.end(); ++it) {
        if (it == open) continue;
        if (*it < 0 || (*it != 0 && known > Shape::kMaxElements / *it)) {
            return invalid_argument("new shape has extent {}", *it);
        }
        known *= *it;
    }
    if (open != wanted.end()) *open = known == 0 ? 0 : input.elements() / known;
    const Shape shape(std::move(wanted));
    HF_TRY(shape.check());
    if (shape.elements() != input.elements()) {
        return invalid_argument("cannot reshape {} into {}", input.shape().to_string(),
                                shape.to_string());
    }
    return declared(context, input.reshaped(shape));
}

Outputs squeeze(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    std::vector<bool> dropped(rank, false);
    const std::vector<std::int64_t> axes = context.node.ints_or("squeeze_dims", {});
    for (std::int64_t axis : axes) dropped[HF_TRY(normalize_axis(axis, rank))] = true;
    std::vector<std::int64_t> extents;
    for (std::size_t axis = 0; axis < rank; ++axis) {
        const std::int64_t extent = input.shape()[axis];
        if (dropped[axis] && extent != 1) {
            return invalid_argument("axis {} of {} is not 1", axis, input.shape().to_string());
        }
        if (!dropped[axis] && !(axes.empty() && extent == 1)) extents.push_back(extent);
    }
    return declared(context, input.reshaped(Shape(std::move(extents))));
}

Outputs transpose(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    const std::vector<std::int64_t> order = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    std::vector<bool> seen(rank, false);
    std::vector<std::int64_t> extents, strides;
    const std::vector<std::int64_t> own = input.shape().strides();
    for (std::int64_t entry : order) {
        const std::size_t axis = HF_TRY(normalize_axis(entry, rank));
        if (seen[axis]) return invalid_argument("axis {} occurs twice in the order", axis);
        seen[axis] = true;
        extents.push_back(input.shape()[axis]);
        strides.push_back(own[axis]);
    }
    if (order.size() != rank) {
        return invalid_argument("an order of {} axes for {}", order.size(),
                                input.shape().to_string());
    }
    return declared(context, HF_TRY(move_elements(input, Shape(std::move(extents)),
                                                  [&](auto at) { return dot(at, strides); })));
}

// Quantised inputs must share the output's scale: nothing is rescaled.
Status check_same_scale(const OpContext& context) {
    if (!is_quantized(context.inputs[0])) return {};
    const Affine8 output = HF_TRY(output_affine(context));
    for (std::size_t i = 0; i < context.inputs.size(); ++i) {
        const Affine8 input = HF_TRY(input_affine(context, i));
        if (input.scale != output.scale || input.zero != output.zero) {
            return unimplemented("input {} and the output have different scales", i);
        }
    }
    return {};
}

Outputs concatenation(const OpContext& context) {
    if (fused_activation(context) != "NONE") return unimplemented("a fused activation");
    const Tensor first = HF_TRY(need_input(context, 0));
    HF_TRY(check_same_scale(context));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), first.shape().rank()));
    Shape shape = first.shape();
    shape[axis] = 0;
    for (std::size_t i = 0; i < context.inputs.size(); ++i) {
        const Tensor input = HF_TRY(need_input(context, i));
        Shape same = input.shape();
        if (same.rank() == shape.rank()) same[axis] = first.shape()[axis];
        if (same != first.shape() || input.dtype() != first.dtype()) {
            return invalid_argument("input {} is {}[{}], which does not join {}[{}] along axis {}",
                                    i, dtype_name(input.dtype()), input.shape().to_string(),
                                    dtype_name(first.dtype()), first.shape().to_string(), axis);
        }
        shape[axis] += input.shape()[axis];
    }
    Tensor out = HF_TRY(make_tensor(first.dtype(), shape));
    const AxisSplit whole = split_at(shape, axis);
    const std::size_t size = dtype_size(first.dtype());
    const std::size_t row = static_cast<std::size_t>(whole.extent * whole.inner) * size;
    std::size_t offset = 0;
    for (const Tensor& input : context.inputs) {
        const std::size_t part = static_cast<std::size_t>(input.shape()[axis] * whole.inner) * size;
        for (std::size_t i = 0; i < static_cast<std::size_t>(whole.outer) && part > 0; ++i) {
            std::memcpy(out.mutable_bytes().data() + i * row + offset,
                        input.bytes().data() + i * part, part);
        }
        offset += part;
    }
    return declared(context, std::move(out));
}

// The bytes of one element of padding: input 2 of PADV2, else the zero of the type.
Result<Bytes> padding_element(const OpContext& context) {
    const Tensor& input = context.inputs[0];
    if (context.node.op == "PADV2") {
        const Tensor value = HF_TRY(need_input(context, 2));
        if (value.dtype() != input.dtype() || value.elements() != 1) {
            return invalid_argument("the padding value must be one {}", dtype_name(input.dtype()));
        }
        return Bytes(value.bytes().begin(), value.bytes().end());
    }
    if (is_quantized(input)) {
        const Affine8 output = HF_TRY(output_affine(context));
        return Bytes{static_cast<std::uint8_t>(output.zero)};
    }
    return Bytes(dtype_size(input.dtype()), 0);
}

Outputs pad(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::size_t rank = input.shape().rank();
    const std::vector<std::int64_t> pads = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (pads.size() != 2 * rank) {
        return invalid_argument("{} paddings for {} axes", pads.size(), rank);
    }
    Shape shape = input.shape();
    for (std::size_t axis = 0; axis < rank; ++axis) {
        constexpr std::int64_t kMax = 1 << 20;
        const std::int64_t before = pads[2 * axis], after = pads[2 * axis + 1];
        if (before < 0 || after < 0 || before > kMax || after > kMax) {
            return invalid_argument("padding {} and {} of axis {} is out of range", before, after,
                                    axis);
        }
        shape[axis] += before + after;
    }
    const Bytes element = HF_TRY(padding_element(context));
    Tensor out = HF_TRY(make_tensor(input.dtype(), shape));
    std::uint8_t* to = out.mutable_bytes().data();
    const std::vector<std::int64_t> own = input.shape().strides();
    std::vector<std::int64_t> at(rank, 0);
    if (out.elements() == 0) return declared(context, std::move(out));
    do {
        std::int64_t from = 0;
        bool inside = true;
        for (std::size_t axis = 0; axis < rank; ++axis) {
            const std::int64_t x = at[axis] - pads[2 * axis];
            inside = inside && x >= 0 && x < input.shape()[axis];
            from += x * own[axis];
        }
        const std::uint8_t* source =
            inside ? input.bytes().data() + static_cast<std::size_t>(from) * element.size()
                   : element.data();
        to = std::copy(source, source + element.size(), to);
    } while (next_coordinate(shape, at));
    return declared(context, std::move(out));
}

// Which input position an output position copies, along one axis.
std::int64_t nearest(std::int64_t at, std::int64_t in, std::int64_t out, const graph::Node& node) {
    const bool corners = node.int_or("align_corners", 0) != 0 && out > 1;
    const float scale = corners ? static_cast<float>(in - 1) / static_cast<float>(out - 1)
                                : static_cast<float>(in) / static_cast<float>(out);
    const float offset = node.int_or("half_pixel_centers", 0) != 0 ? 0.5f : 0.0f;
    const float place = (static_cast<float>(at) + offset) * scale;
    const float index = corners ? std::round(place) : std::floor(place);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(index), 0, in - 1);
}

Outputs resize_nearest(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> size = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    const Shape& in = input.shape();
    constexpr std::int64_t kMax = 1 << 16;
    if (in.rank() != 4 || size.size() != 2 || in[1] < 1 || in[2] < 1 || size[0] < 1 ||
        size[1] < 1 || size[0] > kMax || size[1] > kMax) {
        return invalid_argument("cannot resize {} to {} entries", in.to_string(), size.size());
    }
    const std::vector<std::int64_t> own = in.strides();
    const Shape shape{in[0], size[0], size[1], in[3]};
    return declared(context, HF_TRY(move_elements(input, shape, [&](auto at) {
                        const std::int64_t y = nearest(at[1], in[1], size[0], context.node);
                        const std::int64_t x = nearest(at[2], in[2], size[1], context.node);
                        return at[0] * own[0] + y * own[1] + x * own[2] + at[3];
                    })));
}

}  // namespace

std::vector<OpRow> tflite_shape_rows() {
    return {{"tflite", "RESHAPE", reshape},
            {"tflite", "SQUEEZE", squeeze},
            {"tflite", "TRANSPOSE", transpose},
            {"tflite", "CONCATENATION", concatenation},
            {"tflite", "PAD", pad},
            {"tflite", "PADV2", pad},
            {"tflite", "RESIZE_NEAREST_NEIGHBOR", resize_nearest}};
}

}  // namespace hf::runtime::ref
