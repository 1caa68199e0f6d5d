// Steps over one axis or window of fp32: "simd.lrn_f32", "simd.reduce_f32",
// "simd.softmax_columns_f32", "simd.instance_norm_f32".

#include "kernels/simd/lrn_f32.h"
#include "kernels/simd/reduce_f32.h"
#include "kernels/simd/rows_f32.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::size_t kAny = OperationReader::kAnyRank;

// Input 0 as a x b x c at three integers from `first` on.
struct Cube {
    std::size_t a, b, c;
};
Result<Cube> read_cube(const OperationReader& reader, std::size_t first) {
    HF_TRY(reader.expect_input(0, DType::kF32, kAny));
    const auto elements = as_size(reader.input(0).elements());
    Cube cube{};
    std::size_t left = elements;
    for (std::size_t* extent : {&cube.a, &cube.b, &cube.c}) {
        *extent = HF_TRY(reader.integer(first++, 1, Shape::kMaxElements));
        if (left % *extent != 0) return invalid_argument("{} elements by {}", left, *extent);
        left /= *extent;
    }
    if (left != 1) {
        return invalid_argument("{} elements are not {} x {} x {}", elements, cube.a, cube.b,
                                cube.c);
    }
    return cube;
}

}  // namespace

// Integers: outer, channels, inner, channels before and after in a window. Reals: the factor of
// their squares, beta, bias.
Result<StepPtr> make_lrn_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 5, 3}));
    const Cube cube = HF_TRY(read_cube(reader, 0));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, cube.a * cube.b * cube.c));
    kernels::LrnF32 s{cube.a, cube.b, cube.c};
    const auto most = static_cast<std::int64_t>(cube.b);
    s.before = HF_TRY(reader.integer(3, 0, most));
    s.after = HF_TRY(reader.integer(4, 0, most));
    s.scale = reader.real(0);
    s.beta = reader.real(1);
    s.bias = reader.real(2);
    if (!(s.scale >= 0) || !(s.bias > 0)) {
        return unimplemented("the factor is {} and the bias {}", s.scale, s.bias);
    }
    const std::size_t size = cube.b * cube.c;
    const Chunks chunks{cube.a, std::max<std::size_t>(1, kChunk / size)};
    const double cost = kCostFunction * static_cast<double>(size);
    return step_in_pieces(chunks.cut(cost),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const Pieces part = chunks.range(pieces);
                              kernels::LrnF32 here = s;
                              here.outer = part.count;
                              kernels::lrn_f32(here, x.in<float>(m) + part.first * size,
                                               y.out<float>(m) + part.first * size);
                          });
}

// Integers: function, blocks, rows, width; over the rows.
Result<StepPtr> make_reduce_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 4, 0}));
    const std::size_t function = HF_TRY(reader.integer(0, 0, kernels::kReductionCount - 1));
    const Cube cube = HF_TRY(read_cube(reader, 1));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, cube.a * cube.c));
    const kernels::ReduceF32 s{static_cast<kernels::Reduction>(function), cube.a, cube.b, cube.c};
    const std::size_t size = cube.b * cube.c;
    const Chunks chunks{cube.a, std::max<std::size_t>(1, kChunk / size)};
    const double cost = kCostElement * static_cast<double>(size);
    return step_in_pieces(chunks.cut(cost),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const Pieces part = chunks.range(pieces);
                              kernels::ReduceF32 here = s;
                              here.blocks = part.count;
                              kernels::reduce_f32(here, x.in<float>(m) + part.first * size,
                                                  y.out<float>(m) + part.first * s.width);
                          });
}

// Integers: blocks, rows, width, 1 for the logarithm; down the rows.
Result<StepPtr> make_softmax_columns_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 4, 0}));
    const Cube cube = HF_TRY(read_cube(reader, 0));
    const bool logarithm = HF_TRY(reader.integer(3, 0, 1)) != 0;
    HF_TRY(reader.expect_output_elements(0, DType::kF32, cube.a * cube.b * cube.c));
    const kernels::SoftmaxColumnsF32 s{cube.a, cube.b, cube.c, logarithm};
    const std::size_t size = cube.b * cube.c;
    const Chunks chunks{cube.a, std::max<std::size_t>(1, kChunk / size)};
    const double cost = kCostFunction * static_cast<double>(size);
    return step_in_pieces(chunks.cut(cost),
                          [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const Pieces part = chunks.range(pieces);
                              kernels::SoftmaxColumnsF32 here = s;
                              here.blocks = part.count;
                              kernels::softmax_columns_f32(here, x.in<float>(m) + part.first * size,
                                                           y.out<float>(m) + part.first * size);
                          });
}

// Inputs: x, scale, bias. Integers: samples, channels, places. Reals: epsilon.
Result<StepPtr> make_instance_norm_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, 3, 1}));
    const Cube cube = HF_TRY(read_cube(reader, 0));
    HF_TRY(reader.expect_elements(1, DType::kF32, cube.b));
    HF_TRY(reader.expect_elements(2, DType::kF32, cube.b));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, cube.a * cube.b * cube.c));
    const kernels::InstanceNormF32 norm{cube.a, cube.b, cube.c, reader.real(0)};
    // By samples, or by the channels of the only one.
    const bool one = cube.a == 1;
    const std::size_t size = one ? cube.c : cube.b * cube.c;
    const Chunks chunks{one ? cube.b : cube.a, std::max<std::size_t>(1, kChunk / size)};
    const double cost = kCostFunction * static_cast<double>(size);
    return step_in_pieces(chunks.cut(cost),
                          [=, x = reader.in(0), scale = reader.in(1), bias = reader.in(2),
                           y = reader.out(0)](const Memory& m, Pieces pieces) {
                              const Pieces part = chunks.range(pieces);
                              kernels::InstanceNormF32 here = norm;
                              (one ? here.channels : here.samples) = part.count;
                              here.scale = scale.in<float>(m) + (one ? part.first : 0);
                              here.bias = bias.in<float>(m) + (one ? part.first : 0);
                              kernels::instance_norm_f32(here, x.in<float>(m) + part.first * size,
                                                         y.out<float>(m) + part.first * size);
                          });
}

}  // namespace hf::runtime::cpu
