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
    constexpr std::size_t kBytes = 4 * kChunk;
    const Chunks chunks{static_cast<std::size_t>(from.size_bytes()), kBytes};
    return step_in_pieces(chunks.cut(kCostElement / 4),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const auto [first, count] = chunks.range(pieces);
                              kernels::copy_rows({1, count, 0}, x.in<std::uint8_t>(m) + first,
                                                 y.out<std::uint8_t>(m) + first);
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
    const std::size_t size = t.element_size;
    const auto elements = as_size(reader.output(0).elements());
    if (rank == 0 || elements == 0) {
        return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
            kernels::transpose(t, x.in<void>(m), y.out<void>(m));
        });
    }
    const std::size_t row = elements / t.extents[0];
    const Chunks chunks{t.extents[0], std::max<std::size_t>(1, kChunk / row)};
    return step_in_pieces(chunks.cut(kCostElement * static_cast<double>(row)),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const Pieces part = chunks.range(pieces);
                              kernels::Transpose here = t;
                              here.extents[0] = part.count;
                              kernels::transpose(
                                  here, x.in<std::uint8_t>(m) + part.first * t.steps[0] * size,
                                  y.out<std::uint8_t>(m) + part.first * row * size);
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
    const std::size_t row = as_size(out[axis]) * inner;
    const Chunks rows{outer, std::max<std::size_t>(1, 4 * kChunk / std::max<std::size_t>(1, row))};
    return step_in_pieces(
        rows.cut(kCostElement / 4 * static_cast<double>(row)),
        [=, parts = std::move(parts), y = reader.out(0)](const Memory& m, Pieces pieces) {
            const auto [first, count] = rows.range(pieces);
            for (const Part& part : parts) {
                kernels::CopyRows copy = part.copy;
                copy.rows = count;
                kernels::copy_rows(copy, part.slot.in<std::uint8_t>(m) + first * copy.row_size,
                                   y.out<std::uint8_t>(m) + part.offset + first * row);
            }
        });
}

}  // namespace hf::runtime::cpu
