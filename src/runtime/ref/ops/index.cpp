// Operators that pick or place elements by index.

#include <algorithm>
#include <numeric>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

Status bad_index(std::int64_t index, std::int64_t extent) {
    return out_of_range("index {} is outside [-{}, {})", index, extent, extent);
}

// Negative indices count from the end.
Result<std::vector<std::int64_t>> indices_within(const Tensor& tensor, std::int64_t extent) {
    std::vector<std::int64_t> indices = HF_TRY(to_int64s(tensor));
    for (std::int64_t& index : indices) {
        if (index < -extent || index >= extent) return bad_index(index, extent);
        if (index < 0) index += extent;
    }
    return indices;
}

Outputs gather(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    const auto indices = HF_TRY(indices_within(picks, input.shape()[axis]));
    const AxisSplit split = split_at(input.shape(), axis);
    std::vector<std::int64_t> extents = input.shape().extents();
    extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(axis));
    extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(axis), picks.shape().begin(),
                   picks.shape().end());
    const auto count = static_cast<std::int64_t>(indices.size());
    std::int64_t linear = 0;
    return one(HF_TRY(move_elements(input, Shape(std::move(extents)), [&](auto) {
        const std::int64_t inner = linear % split.inner;
        const std::int64_t pick = linear / split.inner % count;
        const std::int64_t outer = linear / split.inner / count;
        ++linear;
        return (outer * split.extent + indices[static_cast<std::size_t>(pick)]) * split.inner +
               inner;
    })));
}

Outputs gather_elements(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    if (picks.shape().rank() != input.shape().rank()) return invalid_argument("ranks differ");
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    for (std::size_t i = 0; i < picks.shape().rank(); ++i) {
        if (i != axis && picks.shape()[i] > input.shape()[i]) {
            return invalid_argument("indices are larger than the data at axis {}", i);
        }
    }
    const auto indices = HF_TRY(indices_within(picks, input.shape()[axis]));
    const std::vector<std::int64_t> strides = input.shape().strides();
    std::size_t linear = 0;
    return one(HF_TRY(move_elements(input, picks.shape(), [&](auto at) {
        return dot(at, strides) + (indices[linear++] - at[axis]) * strides[axis];
    })));
}

// The linear offsets that the index tuples along the last axis of `picks` name.
Result<std::vector<std::int64_t>> tuple_offsets(const Tensor& picks, const Shape& shape,
                                                std::size_t batch) {
    const std::vector<std::int64_t> flat = HF_TRY(to_int64s(picks));
    if (picks.shape().rank() == 0) return invalid_argument("indices must have an axis");
    const auto width = static_cast<std::size_t>(picks.shape()[picks.shape().rank() - 1]);
    if (width == 0 || width + batch > shape.rank()) {
        return invalid_argument("index tuples of {} do not fit rank {}", width, shape.rank());
    }
    const std::vector<std::int64_t> strides = shape.strides();
    const std::size_t tuples = flat.size() / width;
    std::int64_t batches = 1;
    for (std::size_t i = 0; i < batch; ++i) batches *= shape[i];
    const std::size_t per_batch =
        tuples / static_cast<std::size_t>(std::max<std::int64_t>(batches, 1));
    std::vector<std::int64_t> offsets;
    for (std::size_t tuple = 0; tuple < tuples; ++tuple) {
        std::int64_t offset = 0;
        if (batch > 0) offset = static_cast<std::int64_t>(tuple / per_batch) * strides[batch - 1];
        for (std::size_t i = 0; i < width; ++i) {
            std::int64_t index = flat[tuple * width + i];
            const std::int64_t extent = shape[batch + i];
            if (index < -extent || index >= extent) return bad_index(index, extent);
            offset += (index < 0 ? index + extent : index) * strides[batch + i];
        }
        offsets.push_back(offset);
    }
    return offsets;
}

Outputs gather_nd(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    const auto batch = static_cast<std::size_t>(context.node.int_or("batch_dims", 0));
    if (batch >= picks.shape().rank() || batch >= input.shape().rank()) {
        return invalid_argument("batch_dims {} is too large", batch);
    }
    for (std::size_t i = 0; i < batch; ++i) {
        if (picks.shape()[i] != input.shape()[i]) return invalid_argument("batch axes differ");
    }
    const auto offsets = HF_TRY(tuple_offsets(picks, input.shape(), batch));
    const std::size_t taken =
        batch + static_cast<std::size_t>(picks.shape()[picks.shape().rank() - 1]);
    std::vector<std::int64_t> extents(picks.shape().begin(), picks.shape().end() - 1);
    std::int64_t inner = 1;
    for (std::size_t i = taken; i < input.shape().rank(); ++i) {
        extents.push_back(input.shape()[i]);
        inner *= input.shape()[i];
    }
    std::int64_t linear = 0;
    return one(HF_TRY(move_elements(input, Shape(std::move(extents)), [&](auto) {
        const std::int64_t from =
            offsets[static_cast<std::size_t>(linear / inner)] + linear % inner;
        ++linear;
        return from;
    })));
}

Result<Tensor> copy_of(const Tensor& tensor) {
    std::int64_t linear = 0;
    return move_elements(tensor, tensor.shape(), [&](auto) { return linear++; });
}

// out[to] = out[to] (reduction) update, for each pair of offsets.
Status place(Tensor& out, const Tensor& updates, std::span<const std::int64_t> to,
             const std::string& reduction) {
    if (updates.dtype() != out.dtype()) return invalid_argument("updates have another type");
    if (out.dtype() == DType::kString) {
        for (std::size_t i = 0; i < to.size(); ++i) {
            out.mutable_strings()[static_cast<std::size_t>(to[i])] = updates.strings()[i];
        }
        return {};
    }
    if (reduction == "none") {
        const std::size_t size = dtype_size(out.dtype());
        for (std::size_t i = 0; i < to.size(); ++i) {
            std::memcpy(out.mutable_bytes().data() + static_cast<std::size_t>(to[i]) * size,
                        updates.bytes().data() + i * size, size);
        }
        return {};
    }
    return visit_real(out.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        for (std::size_t i = 0; i < to.size(); ++i) {
            T& slot = out.mutable_values<T>()[static_cast<std::size_t>(to[i])];
            const T update = updates.values<T>()[i];
            if (reduction == "add") slot = static_cast<T>(slot + update);
            if (reduction == "mul") slot = static_cast<T>(slot * update);
            if (reduction == "max") slot = std::max(slot, update);
            if (reduction == "min") slot = std::min(slot, update);
        }
        return {};
    });
}

Outputs scatter_elements(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    const Tensor updates = HF_TRY(need_input(context, 2));
    if (picks.shape() != updates.shape() || picks.shape().rank() != input.shape().rank()) {
        return invalid_argument("indices and updates must have one shape, of the data's rank");
    }
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    for (std::size_t i = 0; i < picks.shape().rank(); ++i) {
        if (i != axis && picks.shape()[i] > input.shape()[i]) {
            return invalid_argument("indices are larger than the data at axis {}", i);
        }
    }
    const auto indices = HF_TRY(indices_within(picks, input.shape()[axis]));
    const std::vector<std::int64_t> strides = input.shape().strides();
    std::vector<std::int64_t> to;
    std::vector<std::int64_t> at(picks.shape().rank(), 0);
    for (std::int64_t index : indices) {
        to.push_back(dot(at, strides) + (index - at[axis]) * strides[axis]);
        next_coordinate(picks.shape(), at);
    }
    Tensor out = HF_TRY(copy_of(input));
    HF_TRY(place(out, updates, to, context.node.string_or("reduction", "none")));
    return one(std::move(out));
}

Outputs scatter_nd(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const Tensor picks = HF_TRY(need_input(context, 1));
    const Tensor updates = HF_TRY(need_input(context, 2));
    const auto offsets = HF_TRY(tuple_offsets(picks, input.shape(), 0));
    const auto width = static_cast<std::size_t>(picks.shape()[picks.shape().rank() - 1]);
    std::int64_t inner = 1;
    for (std::size_t i = width; i < input.shape().rank(); ++i) inner *= input.shape()[i];
    if (updates.elements() != static_cast<std::int64_t>(offsets.size()) * inner) {
        return invalid_argument("{} updates for {} places", updates.elements(),
                                static_cast<std::int64_t>(offsets.size()) * inner);
    }
    std::vector<std::int64_t> to;
    for (std::int64_t offset : offsets) {
        for (std::int64_t i = 0; i < inner; ++i) to.push_back(offset + i);
    }
    Tensor out = HF_TRY(copy_of(input));
    HF_TRY(place(out, updates, to, context.node.string_or("reduction", "none")));
    return one(std::move(out));
}

Outputs one_hot(const OpContext& context) {
    const std::vector<double> indices = HF_TRY(to_doubles(HF_TRY(need_input(context, 0))));
    const std::vector<double> depths = HF_TRY(to_doubles(HF_TRY(need_input(context, 1))));
    const Tensor values = HF_TRY(need_input(context, 2));
    if (depths.size() != 1 || depths[0] < 1 || values.elements() != 2) {
        return invalid_argument("want a positive depth and two values");
    }
    const auto depth = static_cast<std::int64_t>(depths[0]);
    std::vector<std::int64_t> extents = context.inputs[0].shape().extents();
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", -1), extents.size() + 1));
    extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(axis), depth);
    const Shape shape(std::move(extents));
    const AxisSplit split = split_at(shape, axis);
    return one(HF_TRY(move_elements(values, shape, [&](auto at) {
        std::int64_t linear = 0;
        for (std::size_t i = 0; i < at.size(); ++i) {
            if (i != axis) linear = linear * shape[i] + at[i];
        }
        auto hot = static_cast<std::int64_t>(indices[static_cast<std::size_t>(linear)]);
        if (hot < 0) hot += split.extent;
        return std::int64_t{hot == at[axis]};
    })));
}

Outputs non_zero(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<double> values = HF_TRY(to_doubles(input));
    std::vector<std::vector<std::int64_t>> found(input.shape().rank());
    std::vector<std::int64_t> at(input.shape().rank(), 0);
    for (double value : values) {
        for (std::size_t i = 0; value != 0 && i < at.size(); ++i) found[i].push_back(at[i]);
        next_coordinate(input.shape(), at);
    }
    const auto rank = static_cast<std::int64_t>(found.size());
    const auto count = rank == 0 ? 0 : static_cast<std::int64_t>(found[0].size());
    std::vector<std::int64_t> flat;
    for (const auto& row : found) flat.insert(flat.end(), row.begin(), row.end());
    return one(Tensor::of<std::int64_t>(DType::kI64, {rank, count}, flat));
}

Outputs compress(const OpContext& context) {
    Tensor input = HF_TRY(need_input(context, 0));
    const std::vector<std::int64_t> keep = HF_TRY(to_int64s(HF_TRY(need_input(context, 1))));
    if (!context.node.has("axis")) input = input.reshaped({input.elements()});
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", 0), input.shape().rank()));
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < keep.size() && static_cast<std::int64_t>(i) < input.shape()[axis];
         ++i) {
        if (keep[i]) kept.push_back(static_cast<std::int64_t>(i));
    }
    Shape shape = input.shape();
    shape[axis] = static_cast<std::int64_t>(kept.size());
    const std::vector<std::int64_t> strides = input.shape().strides();
    return one(HF_TRY(move_elements(input, shape, [&](auto at) {
        return dot(at, strides) +
               (kept[static_cast<std::size_t>(at[axis])] - at[axis]) * strides[axis];
    })));
}

Outputs top_k(const OpContext& context) {
    const Tensor input = HF_TRY(need_input(context, 0));
    if (is_half(input.dtype())) return widen_halves(context, top_k);
    const std::vector<std::int64_t> counts = HF_TRY(ints_from(context, "", 1));
    const std::int64_t k = counts.empty() ? context.node.int_or("k", 0) : counts[0];
    const std::size_t axis =
        HF_TRY(normalize_axis(context.node.int_or("axis", -1), input.shape().rank()));
    if (k < 0 || k > input.shape()[axis]) {
        return invalid_argument("k = {} of {} elements", k, input.shape()[axis]);
    }
    const bool largest = context.node.int_or("largest", 1) != 0;
    Shape shape = input.shape();
    shape[axis] = k;
    const AxisSplit split = split_at(input.shape(), axis);
    Tensor indices = HF_TRY(make_tensor(DType::kI64, shape));
    HF_TRY(visit_real(input.dtype(), [&](auto zero) -> Status {
        using T = decltype(zero);
        std::vector<std::int64_t> order(static_cast<std::size_t>(split.extent));
        for (std::int64_t lane = 0; lane < split.outer * split.inner; ++lane) {
            const std::int64_t outer = lane / split.inner;
            const std::int64_t inner = lane % split.inner;
            const auto at = [&](std::int64_t i) {
                return input.values<T>()[static_cast<std::size_t>(
                    (outer * split.extent + i) * split.inner + inner)];
            };
            std::iota(order.begin(), order.end(), 0);
            std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) {
                return largest ? at(a) > at(b) : at(a) < at(b);
            });
            for (std::int64_t i = 0; i < k; ++i) {
                indices.mutable_values<std::int64_t>()[static_cast<std::size_t>(
                    (outer * k + i) * split.inner + inner)] = order[static_cast<std::size_t>(i)];
            }
        }
        return {};
    }));
    const std::vector<std::int64_t> strides = input.shape().strides();
    std::size_t linear = 0;
    std::vector<Tensor> outputs = one(HF_TRY(move_elements(input, shape, [&](auto at) {
        const std::int64_t pick = indices.values<std::int64_t>()[linear++];
        return dot(at, strides) + (pick - at[axis]) * strides[axis];
    })));
    outputs.push_back(std::move(indices));
    return outputs;
}

}  // namespace

std::vector<OpRow> index_rows() {
    return {{"", "Gather", gather},
            {"", "GatherElements", gather_elements},
            {"", "GatherND", gather_nd},
            {"", "Scatter", scatter_elements},
            {"", "ScatterElements", scatter_elements},
            {"", "ScatterND", scatter_nd},
            {"", "OneHot", one_hot},
            {"", "NonZero", non_zero},
            {"", "Compress", compress},
            {"", "TopK", top_k}};
}

}  // namespace hf::runtime::ref
