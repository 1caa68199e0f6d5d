// Steps that move elements by steps or by index: "move.strided", "move.pad", "move.gather".

#include "kernels/strided.h"

#include <cstdlib>

#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::size_t kAny = OperationReader::kAnyRank;

Status expect_movable(const Operation& operation) {
    const Operand& from = operation.inputs[0];
    const Operand& to = operation.outputs[0];
    if (from.place == Place::kNone || to.place == Place::kNone) {
        return invalid_argument("it is omitted");
    }
    const std::size_t size = dtype_size(from.dtype);
    if (size != 1 && size != 2 && size != 4 && size != 8) {
        return unimplemented("elements of type {}", dtype_name(from.dtype));
    }
    if (from.dtype != to.dtype) {
        return invalid_argument("{} becomes {}", dtype_name(from.dtype), dtype_name(to.dtype));
    }
    if (to.shape.rank() > kernels::kMaxStridedRank) {
        return unimplemented("{} axes", to.shape.rank());
    }
    return {};
}

// The steps of a dense array in bytes.
void dense_steps(const Shape& shape, std::size_t size,
                 std::array<std::ptrdiff_t, kernels::kMaxStridedRank>& steps) {
    const std::vector<std::int64_t> strides = shape.strides();
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        steps[i] = static_cast<std::ptrdiff_t>(strides[i]) * static_cast<std::ptrdiff_t>(size);
    }
}

// Every place that offset and steps reach lies within `elements`.
Status check_reach(const Shape& out, std::int64_t offset, std::span<const std::int64_t> steps,
                   std::int64_t elements) {
    if (out.elements() == 0) return {};
    std::int64_t lowest = offset, highest = offset;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const std::int64_t last = out[i] - 1;
        const bool fits = steps[i] > -elements && steps[i] < elements &&
                          (steps[i] == 0 || last <= elements / std::abs(steps[i]));
        if (last > 0 && !fits) return invalid_argument("axis {} steps by {}", i, steps[i]);
        if (last == 0) continue;
        (steps[i] < 0 ? lowest : highest) += last * steps[i];
    }
    if (lowest < 0 || highest >= elements) {
        return invalid_argument("it reads elements {} to {} of {}", lowest, highest, elements);
    }
    return {};
}

}  // namespace

// Integers: the first element of the input, and the step in elements for each axis of the output.
Result<StepPtr> make_strided(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, operation.ints.size(), 0}));
    HF_TRY(expect_movable(operation));
    const Shape& out = reader.output(0);
    if (operation.ints.size() != out.rank() + 1) {
        return invalid_argument("{} integers for {} axes", operation.ints.size(), out.rank());
    }
    const std::int64_t elements = reader.input(0).elements();
    const auto offset = static_cast<std::int64_t>(HF_TRY(reader.integer(0, 0, elements)));
    const std::span<const std::int64_t> steps(operation.ints.data() + 1, out.rank());
    HF_TRY(check_reach(out, offset, steps, elements));
    const auto size = static_cast<std::ptrdiff_t>(dtype_size(operation.inputs[0].dtype));
    kernels::Strided s;
    s.rank = out.rank();
    s.run = static_cast<std::size_t>(size);
    dense_steps(out, s.run, s.out_steps);
    for (std::size_t i = 0; i < s.rank; ++i) {
        s.extents[i] = as_size(out[i]);
        s.in_steps[i] = out[i] > 1 ? static_cast<std::ptrdiff_t>(steps[i]) * size : 0;
    }
    if (out.elements() == 0) s.run = 0;
    s = kernels::merged(s);
    return step_of([=, x = reader.in(0), y = reader.out(0),
                    start = static_cast<std::ptrdiff_t>(offset) * size](const Memory& m) {
        if (s.run == 0) return;
        kernels::copy_strided(s, x.in<std::uint8_t>(m) + start, y.out<std::uint8_t>(m));
    });
}

// Inputs: x, and the value around it. Integers: the elements before, for each axis.
Result<StepPtr> make_pad(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, operation.ints.size(), 0}));
    HF_TRY(expect_movable(operation));
    const Operand& x = operation.inputs[0];
    HF_TRY(reader.expect_elements(1, x.dtype, 1));
    const Shape& out = reader.output(0);
    const std::size_t rank = operation.ints.size();
    HF_TRY(reader.expect_input(0, x.dtype, rank));
    HF_TRY(reader.expect_output(0, x.dtype, rank));
    kernels::Strided s;
    s.rank = rank;
    s.run = dtype_size(x.dtype);
    dense_steps(x.shape, s.run, s.in_steps);
    dense_steps(out, s.run, s.out_steps);
    std::size_t start = 0;
    for (std::size_t i = 0; i < rank; ++i) {
        const std::size_t before = HF_TRY(reader.integer(i, 0, Shape::kMaxElements));
        if (out[i] < x.shape[i] || before > as_size(out[i] - x.shape[i])) {
            return invalid_argument("{} after {} elements at axis {} of {}", x.shape.to_string(),
                                    before, i, out.to_string());
        }
        s.extents[i] = as_size(x.shape[i]);
        start += before * static_cast<std::size_t>(s.out_steps[i]);
    }
    const bool empty = x.shape.elements() == 0;
    const std::size_t size = s.run, count = as_size(out.elements());
    if (!empty) s = kernels::merged(s);
    return step_of(
        [=, in = reader.in(0), value = reader.in(1), y = reader.out(0)](const Memory& m) {
            auto* to = y.out<std::uint8_t>(m);
            kernels::fill(value.in<void>(m), size, count, to);
            if (!empty) kernels::copy_strided(s, in.in<std::uint8_t>(m), to + start);
        });
}

namespace {

class GatherStep final : public Step {
public:
    GatherStep(const Operation& operation, const kernels::GatherRows& gather)
        : gather_(gather),
          name_(operation.name),
          data_(operation.inputs[0]),
          indices_(operation.inputs[1]),
          out_(operation.outputs[0]) {}

    Status run(const Memory& m) const override {
        const auto wrong = kernels::gather_rows(gather_, indices_.in<void>(m), data_.in<void>(m),
                                                out_.out<void>(m));
        if (!wrong) return {};
        return out_of_range("index {} is outside [-{}, {})", *wrong, gather_.extent, gather_.extent)
            .context("{}", name_);
    }

private:
    kernels::GatherRows gather_;
    std::string name_;
    Slot data_, indices_, out_;
};

}  // namespace

// Inputs: data, indices. Integers: the axis.
Result<StepPtr> make_gather(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 1, 0}));
    HF_TRY(expect_movable(operation));
    const Operand& data = operation.inputs[0];
    const Operand& indices = operation.inputs[1];
    const std::size_t axis =
        HF_TRY(reader.integer(0, 0, static_cast<std::int64_t>(data.shape.rank()) - 1));
    if (indices.dtype != DType::kI32 && indices.dtype != DType::kI64) {
        return unimplemented("indices of type {}", dtype_name(indices.dtype));
    }
    HF_TRY(reader.expect_input(1, indices.dtype, kAny));
    std::vector<std::int64_t> want(data.shape.begin(), data.shape.begin() + axis);
    want.insert(want.end(), indices.shape.begin(), indices.shape.end());
    want.insert(want.end(), data.shape.begin() + axis + 1, data.shape.end());
    const Shape& out = reader.output(0);
    if (out != Shape(std::move(want))) {
        return invalid_argument("{} by {} at axis {} is not {}", data.shape.to_string(),
                                indices.shape.to_string(), axis, out.to_string());
    }
    kernels::GatherRows gather;
    gather.outer = 1;
    gather.row = dtype_size(data.dtype);
    for (std::size_t i = 0; i < axis; ++i) gather.outer *= as_size(data.shape[i]);
    for (std::size_t i = axis + 1; i < data.shape.rank(); ++i) gather.row *= as_size(data.shape[i]);
    gather.extent = as_size(data.shape[axis]);
    gather.count = as_size(indices.shape.elements());
    gather.wide = indices.dtype == DType::kI64;
    return std::make_unique<const GatherStep>(operation, gather);
}

}  // namespace hf::runtime::cpu
