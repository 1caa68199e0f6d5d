// Steps that only move elements: "move.copy", "move.transpose", "move.concat".

#include <algorithm>

#include "kernels/move.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {

// The same bytes elsewhere, under any shape.
Result<StepPtr> make_copy(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 0, 0}));
    const Operand& from = operation.inputs[0];
    const Operand& to = operation.outputs[0];
    HF_TRY(reader.expect_output(0, from.dtype, OperationReader::kAnyRank));
    if (from.size_bytes() != to.size_bytes()) {
        return invalid_argument("{} does not fit {}", from.shape.to_string(), to.shape.to_string());
    }
    const kernels::CopyRows copy{1, static_cast<std::size_t>(from.size_bytes()), 0};
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        kernels::copy_rows(copy, x.in<std::uint8_t>(m), y.out<std::uint8_t>(m));
    });
}

// Integers: for each axis of the output, the axis of the input.
Result<StepPtr> make_transpose(const Operation& operation) {
    const OperationReader reader(operation);
    const std::size_t rank = operation.ints.size();
    HF_TRY(reader.expect({1, 1, rank, 0}));
    const DType dtype = operation.inputs[0].dtype;
    HF_TRY(reader.expect_input(0, dtype, rank));
    HF_TRY(reader.expect_output(0, dtype, rank));
    if (rank > kernels::kMaxMoveRank || dtype_size(dtype) > sizeof(std::uint64_t)) {
        return unimplemented("transposition of {} axes of {}", rank, dtype_name(dtype));
    }
    kernels::Transpose t;
    t.rank = rank;
    t.element_size = dtype_size(dtype);
    const std::vector<std::int64_t> strides = reader.input(0).strides();
    std::vector<bool> seen(rank, false);
    for (std::size_t axis = 0; axis < rank; ++axis) {
        const std::size_t from =
            HF_TRY(reader.integer(axis, 0, static_cast<std::int64_t>(rank) - 1));
        if (seen[from] || reader.input(0)[from] != reader.output(0)[axis]) {
            return invalid_argument("axis {} of the output is not axis {} of {}", axis, from,
                                    reader.input(0).to_string());
        }
        seen[from] = true;
        t.extents[axis] = as_size(reader.output(0)[axis]);
        t.steps[axis] = as_size(strides[from]);
    }
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        kernels::transpose(t, x.in<void>(m), y.out<void>(m));
    });
}

// Integers: the axis. Any number of inputs.
Result<StepPtr> make_concat(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({operation.inputs.size(), 1, 1, 0}));
    const Shape& out = reader.output(0);
    const DType dtype = operation.outputs[0].dtype;
    const std::size_t axis =
        HF_TRY(reader.integer(0, 0, static_cast<std::int64_t>(out.rank()) - 1));
    std::size_t outer = 1, inner = dtype_size(dtype);
    for (std::size_t i = 0; i < axis; ++i) outer *= as_size(out[i]);
    for (std::size_t i = axis + 1; i < out.rank(); ++i) inner *= as_size(out[i]);
    struct Part {
        Slot slot;
        kernels::CopyRows copy;
        std::size_t offset;
    };
    std::vector<Part> parts;
    std::int64_t extent = 0;
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
        HF_TRY(reader.expect_input(i, dtype, out.rank()));
        Shape expected = out;
        expected[axis] = reader.input(i)[axis];
        if (reader.input(i) != expected) {
            return invalid_argument("input {} {} does not fit {}", i, reader.input(i).to_string(),
                                    out.to_string());
        }
        const kernels::CopyRows copy{outer, as_size(reader.input(i)[axis]) * inner,
                                     as_size(out[axis]) * inner};
        parts.push_back({reader.in(i), copy, as_size(extent) * inner});
        extent += reader.input(i)[axis];
    }
    if (extent != out[axis]) return invalid_argument("parts of {} make {}", extent, out[axis]);
    return step_of([parts = std::move(parts), y = reader.out(0)](const Memory& m) {
        for (const Part& part : parts) {
            kernels::copy_rows(part.copy, part.slot.in<std::uint8_t>(m),
                               y.out<std::uint8_t>(m) + part.offset);
        }
    });
}

}  // namespace hf::runtime::cpu
