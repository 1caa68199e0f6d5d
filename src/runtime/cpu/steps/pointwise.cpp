// Elementwise steps of any element type: "scalar.pointwise", "scalar.select", "scalar.cast".

#include "kernels/pointwise.h"

#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::size_t kAny = OperationReader::kAnyRank;

struct Grid {
    std::size_t outer, inner;
};

// outer x inner at integers `first` and the next; as many elements as the output has.
Result<Grid> read_grid(const OperationReader& reader, std::size_t first) {
    Grid grid{};
    grid.outer = HF_TRY(reader.integer(first, 1, Shape::kMaxElements));
    grid.inner = HF_TRY(reader.integer(first + 1, 1, Shape::kMaxElements));
    const auto elements = as_size(reader.output(0).elements());
    if (elements % grid.outer != 0 || elements / grid.outer != grid.inner) {
        return invalid_argument("{} x {} elements for {}", grid.outer, grid.inner,
                                reader.output(0).to_string());
    }
    return grid;
}

// Whether an operand has an outer and an inner extent, at integers `first` and the next.
struct Walk {
    std::size_t operand, first;
};
Result<kernels::WalkSteps> read_walk(const OperationReader& reader, const Grid& grid,
                                     const Walk& walk, DType dtype) {
    const bool outer = HF_TRY(reader.integer(walk.first, 0, 1)) != 0;
    const bool inner = HF_TRY(reader.integer(walk.first + 1, 0, 1)) != 0;
    const std::size_t row = inner ? grid.inner : 1;
    HF_TRY(reader.expect_elements(walk.operand, dtype, (outer ? grid.outer : 1) * row));
    return kernels::WalkSteps{outer ? row : 0, inner ? std::size_t{1} : 0};
}

}  // namespace

// Integers: function, outer, inner, then 1 where a has an outer, an inner extent; the same of b.
Result<StepPtr> make_pointwise(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 7, 0}));
    kernels::PointwiseRows s;
    s.function =
        static_cast<kernels::Pointwise>(HF_TRY(reader.integer(0, 0, kernels::kPointwiseCount - 1)));
    s.dtype = operation.inputs[0].dtype;
    if (!kernels::has_pointwise(s.function, s.dtype)) {
        return unimplemented("this function of {}", dtype_name(s.dtype));
    }
    const bool compares = s.function >= kernels::Pointwise::kEqual;
    HF_TRY(reader.expect_output(0, compares ? DType::kBool : s.dtype, kAny));
    const Grid grid = HF_TRY(read_grid(reader, 1));
    s.outer = grid.outer;
    s.inner = grid.inner;
    s.a = HF_TRY(read_walk(reader, grid, {0, 3}, s.dtype));
    s.b = HF_TRY(read_walk(reader, grid, {1, 5}, s.dtype));
    return step_of([=, a = reader.in(0), b = reader.in(1), y = reader.out(0)](const Memory& m) {
        kernels::pointwise(s, a.in<void>(m), b.in<void>(m), y.out<void>(m));
    });
}

// Inputs: condition, a, b. Integers: outer, inner, then two for each input as above.
Result<StepPtr> make_select(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, 8, 0}));
    const DType dtype = operation.inputs[1].dtype;
    kernels::SelectRows s;
    s.size = dtype_size(dtype);
    if (s.size != 1 && s.size != 2 && s.size != 4 && s.size != 8) {
        return unimplemented("elements of type {}", dtype_name(dtype));
    }
    HF_TRY(reader.expect_output(0, dtype, kAny));
    const Grid grid = HF_TRY(read_grid(reader, 0));
    s.outer = grid.outer;
    s.inner = grid.inner;
    s.condition = HF_TRY(read_walk(reader, grid, {0, 2}, DType::kBool));
    s.a = HF_TRY(read_walk(reader, grid, {1, 4}, dtype));
    s.b = HF_TRY(read_walk(reader, grid, {2, 6}, dtype));
    return step_of([=, c = reader.in(0), a = reader.in(1), b = reader.in(2),
                    y = reader.out(0)](const Memory& m) {
        kernels::select(s, {c.in<std::uint8_t>(m), a.in<void>(m), b.in<void>(m)}, y.out<void>(m));
    });
}

Result<StepPtr> make_cast(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 0, 0}));
    kernels::Conversion s;
    s.from = operation.inputs[0].dtype;
    s.to = operation.outputs[0].dtype;
    if (!kernels::has_conversion(s.from) || !kernels::has_conversion(s.to)) {
        return unimplemented("{} to {}", dtype_name(s.from), dtype_name(s.to));
    }
    s.count = as_size(reader.output(0).elements());
    HF_TRY(reader.expect_elements(0, s.from, s.count));
    HF_TRY(reader.expect_output(0, s.to, kAny));
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        kernels::convert(s, x.in<void>(m), y.out<void>(m));
    });
}

}  // namespace hf::runtime::cpu
