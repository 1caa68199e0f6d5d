// Elementwise steps and steps over rows, fp32 and int8.

#include "kernels/simd/elementwise_f32.h"
#include "kernels/simd/quantized.h"
#include "kernels/simd/rows_f32.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::size_t kAny = OperationReader::kAnyRank;

// rows x width at integers first and first + 1, within the bounds of a shape.
struct Rows {
    std::size_t rows, width;
};
Result<Rows> read_rows(const OperationReader& reader, std::size_t first) {
    const Rows rows{HF_TRY(reader.integer(first, 1, Shape::kMaxElements)),
                    HF_TRY(reader.integer(first + 1, 1, Shape::kMaxElements))};
    if (static_cast<double>(rows.rows) * static_cast<double>(rows.width) >
        static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("{} rows of {}", rows.rows, rows.width);
    }
    return rows;
}

}  // namespace

// Integers: the function. Reals: its two parameters.
Result<StepPtr> make_unary_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 1, 2}));
    HF_TRY(reader.expect_input(0, DType::kF32, kAny));
    const std::size_t function = HF_TRY(reader.integer(0, 0, kernels::kUnaryCount - 1));
    const auto count = static_cast<std::size_t>(reader.input(0).elements());
    HF_TRY(reader.expect_output_elements(0, DType::kF32, count));
    const kernels::UnaryF32 unary{static_cast<kernels::Unary>(function), reader.real(0),
                                  reader.real(1), count};
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        kernels::unary_f32(unary, x.in<float>(m), y.out<float>(m));
    });
}

// Integers: function, outer, inner, whether a repeats outside and inside, and the same for b.
// Reals: the clamp.
Result<StepPtr> make_binary_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 7, 2}));
    const std::size_t function = HF_TRY(reader.integer(0, 0, kernels::kBinaryCount - 1));
    const Rows rows = HF_TRY(read_rows(reader, 1));
    std::size_t steps[4];
    for (std::size_t i = 0; i < 4; ++i) steps[i] = HF_TRY(reader.integer(3 + i, 0, 1));
    const auto elements = [&](std::size_t outer, std::size_t inner) {
        return (outer ? rows.rows : 1) * (inner ? rows.width : 1);
    };
    HF_TRY(reader.expect_elements(0, DType::kF32, elements(steps[0], steps[1])));
    HF_TRY(reader.expect_elements(1, DType::kF32, elements(steps[2], steps[3])));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, rows.rows * rows.width));
    kernels::BinaryF32 s{static_cast<kernels::Binary>(function), rows.rows, rows.width};
    s.a_inner = steps[1];
    s.a_outer = steps[0] * (steps[1] ? rows.width : 1);
    s.b_inner = steps[3];
    s.b_outer = steps[2] * (steps[3] ? rows.width : 1);
    s.low = reader.real(0);
    s.high = reader.real(1);
    return step_of([=, a = reader.in(0), b = reader.in(1), y = reader.out(0)](const Memory& m) {
        kernels::binary_f32(s, a.in<float>(m), b.in<float>(m), y.out<float>(m));
    });
}

// Integers: rows, width. Reals: beta.
Result<StepPtr> make_softmax_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 2, 1}));
    const Rows rows = HF_TRY(read_rows(reader, 0));
    HF_TRY(reader.expect_elements(0, DType::kF32, rows.rows * rows.width));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, rows.rows * rows.width));
    const kernels::SoftmaxF32 softmax{rows.rows, rows.width, reader.real(0)};
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        kernels::softmax_f32(softmax, x.in<float>(m), y.out<float>(m));
    });
}

// Integers: rows, width, output zero point. Reals: the output's scale. Input 1: the exponentials
// of the 256 distances from a row's largest value.
Result<StepPtr> make_softmax_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 3, 1}));
    const Rows rows = HF_TRY(read_rows(reader, 0));
    HF_TRY(reader.integer(2, -128, 127));
    HF_TRY(reader.expect_elements(0, DType::kI8, rows.rows * rows.width));
    HF_TRY(reader.expect_elements(1, DType::kF32, kernels::SoftmaxI8::kTable));
    HF_TRY(reader.expect_output_elements(0, DType::kI8, rows.rows * rows.width));
    kernels::SoftmaxI8 softmax{rows.rows, rows.width, nullptr, reader.real(0),
                               static_cast<std::int32_t>(reader.integer_at(2))};
    return step_of([=, x = reader.in(0), table = reader.in(1), y = reader.out(0)](const Memory& m) {
        kernels::SoftmaxI8 here = softmax;
        here.below_largest = table.in<float>(m);
        kernels::softmax_i8(here, x.in<std::int8_t>(m), y.out<std::int8_t>(m));
    });
}

// Inputs: x, scale, bias or omitted. Integers: rows, width. Reals: epsilon.
Result<StepPtr> make_layer_norm_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, 2, 1}));
    const Rows rows = HF_TRY(read_rows(reader, 0));
    HF_TRY(reader.expect_elements(0, DType::kF32, rows.rows * rows.width));
    HF_TRY(reader.expect_elements(1, DType::kF32, rows.width));
    if (reader.has_input(2)) HF_TRY(reader.expect_elements(2, DType::kF32, rows.width));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, rows.rows * rows.width));
    const kernels::LayerNormF32 norm{rows.rows, rows.width, reader.real(0), nullptr, nullptr};
    return step_of([=, x = reader.in(0), scale = reader.in(1), bias = reader.in(2),
                    y = reader.out(0)](const Memory& m) {
        kernels::LayerNormF32 here = norm;
        here.scale = scale.in<float>(m);
        here.bias = bias.in<float>(m);
        kernels::layer_norm_f32(here, x.in<float>(m), y.out<float>(m));
    });
}

// Integers: blocks, rows, width; the mean over rows. Width 1: over whole rows of the input.
Result<StepPtr> make_mean_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, 3, 0}));
    const std::size_t blocks = HF_TRY(reader.integer(0, 1, Shape::kMaxElements));
    const Rows rows = HF_TRY(read_rows(reader, 1));
    HF_TRY(reader.expect_input(0, DType::kF32, kAny));
    const auto elements = static_cast<std::uint64_t>(reader.input(0).elements());
    const std::uint64_t block = rows.rows * rows.width;
    if (elements % block != 0 || elements / block != blocks) {
        return invalid_argument("{} elements are not {} blocks of {}", elements, blocks, block);
    }
    HF_TRY(reader.expect_output_elements(0, DType::kF32, blocks * rows.width));
    return step_of([=, x = reader.in(0), y = reader.out(0)](const Memory& m) {
        if (rows.width == 1) {
            kernels::mean_rows_f32(blocks, rows.rows, x.in<float>(m), y.out<float>(m));
        } else {
            kernels::mean_columns_f32({blocks, rows.rows, rows.width}, x.in<float>(m),
                                      y.out<float>(m));
        }
    });
}

}  // namespace hf::runtime::cpu
