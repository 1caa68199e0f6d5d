// Matrix products as steps: "simd.dense_f32", "simd.dense_bf16" and "simd.dense_i8" with packed
// weights, "simd.matmul_f32" of two computed matrices.

#include <limits>

#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/pad.h"
#include "runtime/cpu/steps/division.h"
#include "runtime/cpu/steps/integer.h"
#include "runtime/cpu/steps/products.h"

namespace hf::runtime::cpu {
namespace {

// Integers 0 to 2 of a product: rows, depth, columns; each within kMaxExtent and their products
// within Shape::kMaxElements.
struct Extents {
    std::size_t rows, depth, columns;

    double work() const { return static_cast<double>(rows * depth) * static_cast<double>(columns); }
};
constexpr std::int64_t kMaxExtent = std::int64_t{1} << 30;

Result<Extents> read_extents(const OperationReader& reader, std::size_t first) {
    Extents e{};
    e.rows = HF_TRY(reader.integer(first, 1, kMaxExtent));
    e.depth = HF_TRY(reader.integer(first + 1, 1, kMaxExtent));
    e.columns = HF_TRY(reader.integer(first + 2, 1, kMaxExtent));
    constexpr auto kMost = static_cast<std::size_t>(Shape::kMaxElements);
    if (e.rows * e.depth > kMost || e.depth * (e.columns + kernels::kPanel) > kMost ||
        e.rows * e.columns > kMost) {
        return resource_exhausted("a product of {} x {} and {} x {}", e.rows, e.depth, e.depth,
                                  e.columns);
    }
    return e;
}

template <typename Product>
Result<StepPtr> make_float_dense(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({4, 1, 3, 2}));
    const Extents e = HF_TRY(read_extents(reader, 0));
    HF_TRY(reader.expect_elements(0, DType::kF32, e.rows * e.depth));
    if (reader.has_input(3)) HF_TRY(reader.expect_elements(3, DType::kF32, e.rows * e.columns));
    HF_TRY(reader.expect_elements(1, Product::kPacked, Product::packed_size(e.columns, e.depth)));
    if (reader.has_input(2)) {
        HF_TRY(reader.expect_elements(2, DType::kF32, kernels::packed_columns(e.columns)));
    }
    HF_TRY(reader.expect_output_elements(0, DType::kF32, e.rows * e.columns));
    const kernels::Windows windows = kernels::Windows::matrix(e.rows, e.depth);
    HF_TRY(reader.expect_scratch(product_scratch<Product>(0, windows)));
    const kernels::GemmF32 gemm{windows, e.columns, e.columns, reader.real(0), reader.real(1)};
    const Division division({e.rows, 1, e.columns});
    return step_in_pieces(
        division.cut(e.work() * Product::kCost),
        [=, x = reader.in(0), packed = reader.in(1), bias = reader.in(2), residual = reader.in(3),
         y = reader.out(0), scratch = reader.scratch()](const Memory& m, Pieces pieces) {
            const auto [rows, columns] = division.area(pieces);
            const std::size_t out = rows.first * e.columns + columns.first;
            kernels::GemmF32 part = gemm;
            part.windows.rows_x = rows.count;
            part.columns = columns.count;
            Product::run(part,
                         {x.in<float>(m) + rows.first * e.depth,
                          packed.in<typename Product::Packed>(m) +
                              Product::packed_size(columns.first, e.depth),
                          bias ? bias.in<float>(m) + columns.first : nullptr,
                          residual ? residual.in<float>(m) + out : nullptr, y.out<float>(m) + out},
                         Product::kScratch ? scratch.out<std::uint8_t>(m) : nullptr);
        });
}

}  // namespace

Result<StepPtr> make_dense_f32(const Operation& operation) {
    return make_float_dense<ProductF32>(operation);
}

Result<StepPtr> make_dense_bf16(const Operation& operation) {
    return make_float_dense<ProductBf16>(operation);
}

Result<StepPtr> make_dense_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, 3 + kIntegerFields, 0}));
    const Extents e = HF_TRY(read_extents(reader, 0));
    const IntegerFields fields = HF_TRY(read_integer_fields(reader, 3));
    HF_TRY(reader.expect_elements(0, DType::kI8, e.rows * e.depth));
    HF_TRY(reader.expect_elements(1, DType::kI8, kernels::packed_size_i8(e.columns, 1, e.depth)));
    HF_TRY(reader.expect_elements(2, DType::kI32, channel_table_size(e.columns, fields.real)));
    HF_TRY(reader.expect_output_elements(0, DType::kI8, e.rows * e.columns));
    HF_TRY(reader.expect_scratch(widened_bytes(e.rows * e.depth)));
    const Division division({e.rows, 1, e.columns});
    return step_in_pieces(
        division.cut(e.work() * kCostI8),
        [=, x = reader.in(0), packed = reader.in(1), table = reader.in(2), y = reader.out(0),
         scratch = reader.scratch()](const Memory& m, Pieces pieces) {
            const auto [rows, columns] = division.area(pieces);
            const ChannelTable channels(table.in<std::int32_t>(m), e.columns);
            void* left = scratch.out<std::uint8_t>(m);
            kernels::widen_left_i8(rows.count * e.depth,
                                   {x.in<std::int8_t>(m) + rows.first * e.depth, fields.in_zero},
                                   left);
            kernels::GemmI8 gemm{kernels::Windows::matrix(rows.count, e.depth), columns.count,
                                 e.columns, from_column(channels.requantize(fields), columns.first),
                                 fields.in_zero};
            gemm.requantize.rounds_once = true;
            const std::size_t panel = kernels::packed_size_i8(1, 1, e.depth);
            kernels::gemm_i8(
                gemm, {left, packed.in<std::int8_t>(m) + columns.first / kernels::kPanel * panel,
                       channels.bias + columns.first, channels.weight_sums + columns.first,
                       y.out<std::int8_t>(m) + rows.first * e.columns + columns.first});
        });
}

namespace {

// Cut by matrices where each product has its own on the right, else by panels of the right one's
// columns: each part packs its own.
struct MatMul {
    Extents e;
    std::size_t batches, batches_a, batches_b;
    bool transposed;
    Chunks columns;
    Slot a, b, y;
    ScratchSlot scratch;

    bool by_matrices() const { return batches_b > 1; }
    Cut cut() const {
        return {by_matrices() ? batches : columns.pieces(),
                static_cast<double>(batches) * e.work()};
    }

    void run(const Memory& m, Pieces pieces) const {
        const Pieces products = by_matrices() ? pieces : Pieces{0, batches};
        const Pieces range = by_matrices() ? Pieces{0, e.columns} : columns.range(pieces);
        constexpr float kInfinity = std::numeric_limits<float>::infinity();
        const kernels::GemmF32 gemm{kernels::Windows::matrix(e.rows, e.depth), range.count,
                                    e.columns, -kInfinity, kInfinity};
        const std::size_t column_step = transposed ? e.depth : 1;
        float* packed = scratch.out<float>(m);
        for (std::size_t i = products.first; i < products.first + products.count; ++i) {
            if (i == products.first || by_matrices()) {
                const float* right = b.in<float>(m) + (by_matrices() ? i * e.depth * e.columns : 0);
                kernels::pack_f32({right + range.first * column_step, range.count, column_step,
                                   transposed ? 1 : e.columns},
                                  e.depth, packed);
            }
            const std::size_t left = batches_a == 1 ? 0 : i * e.rows * e.depth;
            kernels::gemm_f32(gemm, {a.in<float>(m) + left, packed, nullptr, nullptr,
                                     y.out<float>(m) + i * e.rows * e.columns + range.first});
        }
    }
};

}  // namespace

// Integers: batches of a, b and the output (1 or the same), then rows, depth, columns, and whether
// b is [columns, depth]. The right matrix is packed into scratch before each product.
Result<StepPtr> make_matmul_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({2, 1, 7, 0}));
    const std::size_t batches = HF_TRY(reader.integer(2, 1, kMaxExtent));
    const std::size_t batches_a = HF_TRY(reader.integer(0, 1, kMaxExtent));
    const std::size_t batches_b = HF_TRY(reader.integer(1, 1, kMaxExtent));
    const Extents e = HF_TRY(read_extents(reader, 3));
    const bool transposed = HF_TRY(reader.integer(6, 0, 1)) == 1;
    if ((batches_a != 1 && batches_a != batches) || (batches_b != 1 && batches_b != batches)) {
        return invalid_argument("{} and {} matrices for {} products", batches_a, batches_b,
                                batches);
    }
    HF_TRY(reader.expect_elements(0, DType::kF32, batches_a * e.rows * e.depth));
    HF_TRY(reader.expect_elements(1, DType::kF32, batches_b * e.depth * e.columns));
    HF_TRY(reader.expect_output_elements(0, DType::kF32, batches * e.rows * e.columns));
    HF_TRY(reader.expect_scratch(kernels::packed_size_f32(e.columns, e.depth) * sizeof(float)));
    const MatMul product{e,
                         batches,
                         batches_a,
                         batches_b,
                         transposed,
                         {e.columns, std::size_t{2} * kernels::kPanel},
                         reader.in(0),
                         reader.in(1),
                         reader.out(0),
                         reader.scratch()};
    return step_in_pieces(product.cut(),
                          [product](const Memory& m, Pieces pieces) { product.run(m, pieces); });
}

}  // namespace hf::runtime::cpu
