#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

Result<Tensor> make_tensor(DType dtype, const Shape& shape) {
    HF_TRY(shape.check());
    const std::uint64_t bytes = static_cast<std::uint64_t>(shape.elements()) *
                                std::max<std::size_t>(dtype_size(dtype), sizeof(std::string) / 4);
    if (bytes > kMaxTensorBytes) {
        return resource_exhausted("a tensor of shape {} and type {} exceeds {} bytes",
                                  shape.to_string(), dtype_name(dtype), kMaxTensorBytes);
    }
    return Tensor(dtype, shape);
}

Result<std::vector<std::int64_t>> to_int64s(const Tensor& tensor) {
    if (!is_integer(tensor.dtype()) && tensor.dtype() != DType::kBool) {
        return invalid_argument("want integers, got {}", dtype_name(tensor.dtype()));
    }
    return visit_real(tensor.dtype(), [&](auto zero) -> Result<std::vector<std::int64_t>> {
        std::vector<std::int64_t> values;
        for (auto value : tensor.values<decltype(zero)>()) {
            values.push_back(static_cast<std::int64_t>(value));
        }
        return values;
    });
}

Result<std::vector<double>> to_doubles(const Tensor& tensor) {
    const Tensor wide = HF_TRY(cast_tensor(tensor, DType::kF64));
    const auto values = wide.values<double>();
    return std::vector<double>(values.begin(), values.end());
}

Result<std::vector<std::int64_t>> ints_from(const OpContext& context, std::string_view name,
                                            std::size_t index) {
    if (context.node.has(name)) return context.node.ints_or(name, {});
    if (const Tensor* tensor = context.input(index)) return to_int64s(*tensor);
    return std::vector<std::int64_t>();
}

Outputs widen_halves(const OpContext& context, OpFunction function) {
    DType narrow = DType::kF32;
    std::vector<Tensor> inputs;
    for (const Tensor& input : context.inputs) {
        const bool half = !input.is_null() && is_half(input.dtype());
        if (half) narrow = input.dtype();
        inputs.push_back(half ? HF_TRY(cast_tensor(input, DType::kF32)) : input);
    }
    std::vector<Tensor> outputs = HF_TRY(function({context.graph, context.node, inputs}));
    for (Tensor& output : outputs) {
        if (!output.is_null() && narrow != DType::kF32 && output.dtype() == DType::kF32) {
            output = HF_TRY(cast_tensor(output, narrow));
        }
    }
    return outputs;
}

bool next_coordinate(const Shape& shape, std::vector<std::int64_t>& at) {
    for (std::size_t axis = shape.rank(); axis-- > 0;) {
        if (++at[axis] < shape[axis]) return true;
        at[axis] = 0;
    }
    return false;
}

std::vector<std::int64_t> broadcast_strides(const Shape& from, const Shape& to) {
    std::vector<std::int64_t> strides(to.rank(), 0);
    const std::vector<std::int64_t> own = from.strides();
    const std::size_t shift = to.rank() - from.rank();
    for (std::size_t axis = 0; axis < from.rank(); ++axis) {
        if (from[axis] != 1) strides[axis + shift] = own[axis];
    }
    return strides;
}

Result<Tensor> expand_to(const Tensor& tensor, const Shape& shape) {
    if (tensor.shape() == shape) return tensor;
    if (HF_TRY(broadcast(tensor.shape(), shape)) != shape) {
        return invalid_argument("shape {} does not broadcast to {}", tensor.shape().to_string(),
                                shape.to_string());
    }
    const std::vector<std::int64_t> strides = broadcast_strides(tensor.shape(), shape);
    return move_elements(tensor, shape, [&](auto at) { return dot(at, strides); });
}

AxisSplit split_at(const Shape& shape, std::size_t axis) {
    AxisSplit split;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        (i < axis ? split.outer : i == axis ? split.extent : split.inner) *= shape[i];
    }
    return split;
}

}  // namespace hf::runtime::ref
