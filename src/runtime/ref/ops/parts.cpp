// Tensors from parts and parts of tensors, along one axis.

#include <algorithm>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {
namespace {

// `count` runs of elements; run i starts at i * stride + offset on either side.
struct Runs {
    std::int64_t count = 0;
    std::int64_t length = 0;
    std::int64_t from_stride = 0, from_offset = 0;
    std::int64_t to_stride = 0, to_offset = 0;
};

void copy_runs(const Tensor& from, Tensor& to, const Runs& runs) {
    const std::size_t size = dtype_size(from.dtype());
    if (runs.length == 0) return;
    for (std::int64_t i = 0; i < runs.count; ++i) {
        const auto source = static_cast<std::size_t>(i * runs.from_stride + runs.from_offset);
        const auto target = static_cast<std::size_t>(i * runs.to_stride + runs.to_offset);
        const auto length = static_cast<std::size_t>(runs.length);
        if (size == 0) {
            std::copy_n(from.strings().begin() + static_cast<std::ptrdiff_t>(source), length,
                        to.mutable_strings().begin() + static_cast<std::ptrdiff_t>(target));
        } else {
            std::memcpy(to.mutable_bytes().data() + target * size,
                        from.bytes().data() + source * size, length * size);
        }
    }
}

// What all parts make, the extent along the axis summed.
Result<Shape> joined_shape(std::span<const Tensor> tensors, std::size_t axis) {
    const Tensor& first = tensors[0];
    Shape shape = first.shape();
    shape[axis] = 0;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const Tensor& part = tensors[i];
        Shape expected = part.shape();
        if (expected.rank() == shape.rank()) expected[axis] = shape[axis];
        if (expected != shape || part.dtype() != first.dtype()) {
            return invalid_argument("input {} is {}[{}], which does not fit {}[{}] but at axis {}",
                                    i, dtype_name(part.dtype()), part.shape().to_string(),
                                    dtype_name(first.dtype()), first.shape().to_string(), axis);
        }
        shape[axis] += part.shape()[axis];
    }
    return shape;
}

}  // namespace

Result<Tensor> concatenate(std::span<const Tensor> tensors, std::int64_t axis) {
    if (tensors.empty()) return invalid_argument("there is nothing to concatenate");
    const std::size_t along = HF_TRY(normalize_axis(axis, tensors[0].shape().rank()));
    const Shape shape = HF_TRY(joined_shape(tensors, along));
    Tensor out = HF_TRY(make_tensor(tensors[0].dtype(), shape));
    const AxisSplit split = split_at(shape, along);
    std::int64_t offset = 0;
    for (const Tensor& part : tensors) {
        const std::int64_t run = part.shape()[along] * split.inner;
        copy_runs(part, out, {split.outer, run, run, 0, split.extent * split.inner, offset});
        offset += run;
    }
    return out;
}

Result<Tensor> slice_of(const Tensor& tensor, std::size_t axis, std::int64_t first,
                        std::int64_t count) {
    Shape shape = tensor.shape();
    const AxisSplit split = split_at(shape, axis);
    shape[axis] = count;
    Tensor out = HF_TRY(make_tensor(tensor.dtype(), shape));
    const std::int64_t run = count * split.inner;
    copy_runs(tensor, out,
              {split.outer, run, split.extent * split.inner, first * split.inner, run, 0});
    return out;
}

Tensor without_axis(const Tensor& tensor, std::size_t axis) {
    std::vector<std::int64_t> extents = tensor.shape().extents();
    extents.erase(extents.begin() + static_cast<std::ptrdiff_t>(axis));
    return tensor.reshaped(Shape(std::move(extents)));
}

Result<Tensor> with_axis(const Tensor& tensor, std::size_t axis) {
    std::vector<std::int64_t> extents = tensor.shape().extents();
    extents.insert(extents.begin() + static_cast<std::ptrdiff_t>(axis), 1);
    const Shape shape(std::move(extents));
    HF_TRY(shape.check());
    return tensor.reshaped(shape);
}

}  // namespace hf::runtime::ref
