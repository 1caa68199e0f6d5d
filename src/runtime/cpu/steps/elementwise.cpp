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

    // For functions of whole rows.
    Chunks chunks() const { return {rows, std::max<std::size_t>(1, kChunk / width)}; }
    Cut cut() const { return chunks().cut(kCostFunction * static_cast<double>(width)); }
};
Result<Rows> read_rows(const OperationReader& reader, std::size_t first) {
    Rows rows{};
    rows.rows = HF_TRY(reader.integer(first, 1, Shape::kMaxElements));
    rows.width = HF_TRY(reader.integer(first + 1, 1, Shape::kMaxElements));
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
    const Chunks chunks{count, kChunk};
    const bool simple = unary.function == kernels::Unary::kClamp;
    const double cost = simple ? kCostElement : kCostFunction;
    return step_in_pieces(
        chunks.cut(cost), [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
            const Pieces part = chunks.range(pieces);
            kernels::UnaryF32 here = unary;
            here.count = part.count;
            kernels::unary_f32(here, x.in<float>(m) + part.first, y.out<float>(m) + part.first);
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
    const bool one_row = s.outer == 1;
    const Chunks chunks{one_row ? s.inner : s.outer,
                        one_row ? kChunk : std::max<std::size_t>(1, kChunk / s.inner)};
    const double cost = kCostElement * (one_row ? 1.0 : static_cast<double>(s.inner));
    return step_in_pieces(chunks.cut(cost), [=, a = reader.in(0), b = reader.in(1),
                                             y = reader.out(0)](const Memory& m, Pieces pieces) {
        const Pieces part = chunks.range(pieces);
        kernels::BinaryF32 here = s;
        (one_row ? here.inner : here.outer) = part.count;
        const std::size_t step_a = one_row ? s.a_inner : s.a_outer;
        const std::size_t step_b = one_row ? s.b_inner : s.b_outer;
        kernels::binary_f32(here, a.in<float>(m) + part.first * step_a,
                            b.in<float>(m) + part.first * step_b,
                            y.out<float>(m) + part.first * (one_row ? 1 : s.inner));
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
    const Chunks chunks = rows.chunks();
    return step_in_pieces(
        rows.cut(), [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
            const Pieces part = chunks.range(pieces);
            kernels::SoftmaxF32 here = softmax;
            here.rows = part.count;
            const std::size_t first = part.first * rows.width;
            kernels::softmax_f32(here, x.in<float>(m) + first, y.out<float>(m) + first);
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
    const Chunks chunks = rows.chunks();
    return step_in_pieces(rows.cut(), [=, x = reader.in(0), table = reader.in(1),
                                       y = reader.out(0)](const Memory& m, Pieces pieces) {
        const Pieces part = chunks.range(pieces);
        kernels::SoftmaxI8 here = softmax;
        here.rows = part.count;
        here.below_largest = table.in<float>(m);
        const std::size_t first = part.first * rows.width;
        kernels::softmax_i8(here, x.in<std::int8_t>(m) + first, y.out<std::int8_t>(m) + first);
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
    const Chunks chunks = rows.chunks();
    return step_in_pieces(
        rows.cut(), [=, x = reader.in(0), scale = reader.in(1), bias = reader.in(2),
                     y = reader.out(0)](const Memory& m, Pieces pieces) {
            const Pieces part = chunks.range(pieces);
            kernels::LayerNormF32 here = norm;
            here.rows = part.count;
            here.scale = scale.in<float>(m);
            here.bias = bias.in<float>(m);
            const std::size_t first = part.first * rows.width;
            kernels::layer_norm_f32(here, x.in<float>(m) + first, y.out<float>(m) + first);
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
    const Chunks chunks{blocks, std::max<std::size_t>(1, kChunk / block)};
    const double cost = kCostElement * static_cast<double>(block);
    return step_in_pieces(
        chunks.cut(cost), [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
            const auto [first, count] = chunks.range(pieces);
            const float* in = x.in<float>(m) + first * block;
            float* out = y.out<float>(m) + first * rows.width;
            if (rows.width == 1) {
                kernels::mean_rows_f32(count, rows.rows, in, out);
            } else {
                kernels::mean_columns_f32({count, rows.rows, rows.width}, in, out);
            }
        });
}

}  // namespace hf::runtime::cpu
