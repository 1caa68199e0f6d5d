// Operators that make, read or change shapes without moving elements, and makers of constants.

#include <algorithm>
#include <cmath>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Tensor int64_tensor(const std::vector<std::int64_t>& values) {
    return Tensor::of<std::int64_t>(DType::kI64, {static_cast<std::int64_t>(values.size())},
                                    values);
}

Outputs shape_of(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const auto rank = static_cast<std::int64_t>(input.shape().rank());
    const auto clamp = [&](std::int64_t at) {
        return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank);
    };
    const std::int64_t start = clamp(context.node.int_or("start", 0));
    const std::int64_t end = std::max(start, clamp(context.node.int_or("end", rank)));
    const std::vector<std::int64_t>& extents = input.shape().extents();
    return one(int64_tensor({extents.begin() + start, extents.begin() + end}));
}

Outputs size_of(const OpContext& context) {
    const std::int64_t size = HF_TRY(need_input(context, 0)).elements();
    return one(Tensor::of<std::int64_t>(DType::kI64, {}, std::span(&size, 1)));
}

Result<Tensor> reshape_to(const Tensor& input, std::vector<std::int64_t> wanted, bool allow_zero) {
    std::optional<std::size_t> inferred;
    std::int64_t known = 1;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (wanted[i] == 0 && !allow_zero) {
            if (i >= input.shape().rank()) return invalid_argument("0 at axis {} has no source", i);
            wanted[i] = input.shape()[i];
        }
        if (wanted[i] == -1 && inferred)
            return invalid_argument("more than one -1 in the new shape");
        if (wanted[i] == -1) {
            inferred = i;
        } else if (wanted[i] < 0) {
            return invalid_argument("new shape has extent {}", wanted[i]);
        } else {
            known *= wanted[i];
        }
    }
    if (inferred) wanted[*inferred] = known == 0 ? 0 : input.elements() / known;
    const Shape shape(std::move(wanted));
    HF_TRY(shape.check());
    if (shape.elements() != input.elements()) {
        return invalid_argument("cannot reshape {} into {}", input.shape().to_string(),
                                shape.to_string());
    }
    return input.reshaped(shape);
}

Outputs reshape(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    std::vector<std::int64_t> wanted = HF_TRY(ints_from(context, "shape", 1));
    return one(
        HF_TRY(reshape_to(input, std::move(wanted), context.node.int_or("allowzero", 0) != 0)));
}

Outputs flatten(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const auto rank = static_cast<std::int64_t>(input.shape().rank());
    std::int64_t axis = context.node.int_or("axis", 1);
    if (axis < -rank || axis > rank) return invalid_argument("axis {} is out of range", axis);
    if (axis < 0) axis += rank;
    Shape shape{1, 1};
    for (std::int64_t i = 0; i < rank; ++i) {
        shape[i < axis ? 0 : 1] *= input.shape()[static_cast<std::size_t>(i)];
    }
    return one(input.reshaped(shape));
}

Outputs squeeze(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> axes = HF_TRY(ints_from(context, "axes", 1));
    std::vector<bool> drop(input.shape().rank(), false);
    for (std::int64_t given : axes) {
        const std::size_t axis = HF_TRY(normalize_axis(given, input.shape().rank()));
        if (input.shape()[axis] != 1) {
            return invalid_argument("axis {} of {} is not 1", given, input.shape().to_string());
        }
        drop[axis] = true;
    }
    std::vector<std::int64_t> extents;
    for (std::size_t i = 0; i < input.shape().rank(); ++i) {
        const bool gone = axes.empty() ? input.shape()[i] == 1 : drop[i];
        if (!gone) extents.push_back(input.shape()[i]);
    }
    return one(input.reshaped(Shape(std::move(extents))));
}

Outputs unsqueeze(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> axes = HF_TRY(ints_from(context, "axes", 1));
    const std::size_t rank = input.shape().rank() + axes.size();
    std::vector<std::int64_t> extents(rank, -1);
    for (std::int64_t given : axes) {
        std::int64_t& extent = extents[HF_TRY(normalize_axis(given, rank))];
        if (extent == 1) return invalid_argument("axis {} is given twice", given);
        extent = 1;
    }
    std::size_t next = 0;
    for (std::int64_t& extent : extents) {
        if (extent != 1) extent = input.shape()[next++];
    }
    return one(input.reshaped(Shape(std::move(extents))));
}

Outputs constant_of_shape(const OpContext& context) {
    const std::vector<std::int64_t> extents = HF_TRY(to_int64s(HF_TRY(need_input(context, 0))));
    const Tensor* value = context.node.tensor("value");
    Tensor out = HF_TRY(make_tensor(value ? value->dtype() : DType::kF32, Shape(extents)));
    if (!value || value->bytes().empty()) return one(std::move(out));
    const std::size_t size = dtype_size(value->dtype());
    for (std::size_t at = 0; at < out.bytes().size(); at += size) {
        std::memcpy(out.mutable_bytes().data() + at, value->bytes().data(), size);
    }
    return one(std::move(out));
}

Outputs constant(const OpContext& context) {
    const Tensor* value = context.node.tensor("value");
    if (!value) return unimplemented("this form of Constant");
    return one(*value);
}

Outputs eye_like(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (input.shape().rank() != 2) return invalid_argument("want a matrix");
    const std::int64_t k = context.node.int_or("k", 0);
    Tensor eye(DType::kF32, input.shape());
    for (std::int64_t row = 0; row < input.shape()[0]; ++row) {
        const std::int64_t column = row + k;
        if (column < 0 || column >= input.shape()[1]) continue;
        eye.mutable_values<float>()[static_cast<std::size_t>(row * input.shape()[1] + column)] = 1;
    }
    if (!context.node.has("dtype")) return one(HF_TRY(cast_tensor(eye, input.dtype())));
    switch (context.node.int_or("dtype", 1)) {
        case 1: return one(eye);
        case 6: return one(HF_TRY(cast_tensor(eye, DType::kI32)));
        case 7: return one(HF_TRY(cast_tensor(eye, DType::kI64)));
        case 11: return one(HF_TRY(cast_tensor(eye, DType::kF64)));
        default: return unimplemented("element type {}", context.node.int_or("dtype", 1));
    }
}

Outputs range(const OpContext& context) {
    const Tensor start = HF_TRY(need_input(context, 0));
    const Tensor limit = HF_TRY(need_input(context, 1));
    const Tensor delta = HF_TRY(need_input(context, 2));
    if (start.elements() != 1 || limit.elements() != 1 || delta.elements() != 1) {
        return invalid_argument("start, limit and delta must be scalars");
    }
    if (limit.dtype() != start.dtype() || delta.dtype() != start.dtype()) {
        return invalid_argument("start, limit and delta differ in type");
    }
    return one(HF_TRY(visit_real(start.dtype(), [&](auto zero) -> Result<Tensor> {
        using T = decltype(zero);
        const T from = start.values<T>()[0];
        const T step = delta.values<T>()[0];
        if (step == T{}) return invalid_argument("delta is 0");
        const double steps =
            (static_cast<double>(limit.values<T>()[0]) - static_cast<double>(from)) /
            static_cast<double>(step);
        if (!(steps < 1e12)) return resource_exhausted("a range of {} elements", steps);
        const auto count = static_cast<std::int64_t>(std::max(0.0, std::ceil(steps)));
        Tensor out = HF_TRY(make_tensor(start.dtype(), {count}));
        for (std::int64_t i = 0; i < count; ++i) {
            out.template mutable_values<T>()[static_cast<std::size_t>(i)] =
                static_cast<T>(from + static_cast<T>(i) * step);
        }
        return out;
    })));
}

}  // namespace

std::vector<OpRow> shape_rows() {
    return {{"", "Shape", shape_of},
            {"", "Size", size_of},
            {"", "Reshape", reshape},
            {"", "Flatten", flatten},
            {"", "Squeeze", squeeze},
            {"", "Unsqueeze", unsqueeze},
            {"", "ConstantOfShape", constant_of_shape},
            {"", "Constant", constant},
            {"", "EyeLike", eye_like},
            {"", "Range", range}};
}

}  // namespace hf::runtime::ref
