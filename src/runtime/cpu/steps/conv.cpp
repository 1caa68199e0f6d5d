// Convolutions as steps: "simd.conv_f32", "simd.conv_bf16", "simd.conv_i8", "simd.depthwise_f32",
// "simd.depthwise_i8". Layouts of their operands are in docs/reference/plan-file.md.

#include "kernels/simd/depthwise_f32.h"
#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/gemm_i8.h"
#include "runtime/cpu/steps/division.h"
#include "runtime/cpu/steps/image.h"
#include "runtime/cpu/steps/integer.h"
#include "runtime/cpu/steps/products.h"

namespace hf::runtime::cpu {
namespace {

// Widening an image, which every part by columns does again, counts for more beside int8 products.
constexpr std::size_t kBiasI8 = 4;

// The depth of a product never overflows: each factor is bounded by Geometry.
Status check_depth(const Geometry& g) {
    const double depth = static_cast<double>(g.kernel_y) * static_cast<double>(g.kernel_x) *
                         static_cast<double>(g.padding.channels);
    if (depth > static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("a window has {} elements", depth);
    }
    return {};
}

// A convolution as products: of windows over an image, in the caller's memory or in strips with
// borders, with panels of weights. All steps compute [rows] x [columns] of the result at a time.
template <typename Product>
struct FloatConv {
    Geometry g;
    Strips strips;
    kernels::GemmF32 gemm;
    Division division;
    Slot x, packed, bias, residual, y;
    ScratchSlot scratch;

    std::size_t packed_size() const {
        return Product::packed_size(gemm.columns, gemm.windows.depth());
    }
    std::size_t bias_size() const { return kernels::packed_columns(gemm.columns); }

    // Scratch is the padded rows under a strip, then what a product wants of its own.
    std::size_t padded_bytes() const {
        if (g.padding.is_none()) return 0;
        return strips.padded * g.padding.padded_row() * sizeof(float);
    }

    void run(const Memory& m, Pieces pieces) const {
        const Area area = division.area(pieces);
        g.for_images(area.rows, [&](std::size_t n, Pieces rows) {
            const float* image = x.in<float>(m) + n * g.in_size();
            const std::size_t out = n * g.out_size();
            if (g.padding.is_none()) {
                const std::size_t first = rows.first * g.stride_y * g.padding.padded_row();
                return product(m, {rows, area.columns}, image + first, out);
            }
            float* padded = scratch.out<float>(m);
            g.for_strips(strips, rows, [&](std::size_t first, std::size_t count, const auto& read) {
                kernels::pad_f32(g.padding, read, image, padded);
                product(m, {{first, count}, area.columns}, padded, out);
            });
        });
    }

    // `in` is where the first window starts, `out` where the image's result does.
    void product(const Memory& m, const Area& area, const float* in, std::size_t out) const {
        kernels::GemmF32 part = gemm;
        part.windows.rows_y = area.rows.count;
        part.columns = area.columns.count;
        const std::size_t column = area.columns.first;
        out += area.rows.first * g.out_width * g.out_channels + column;
        for (std::size_t i = 0; i < g.group; ++i, out += gemm.columns) {
            Product::run(part,
                         {in + i * (g.padding.channels / g.group),
                          packed.in<typename Product::Packed>(m) + i * packed_size() +
                              Product::packed_size(column, gemm.windows.depth()),
                          bias ? bias.in<float>(m) + i * bias_size() + column : nullptr,
                          residual ? residual.in<float>(m) + out : nullptr, y.out<float>(m) + out},
                         Product::kScratch
                             ? scratch.out<std::uint8_t>(m) + scratch_after(padded_bytes())
                             : nullptr);
        }
    }
};

struct ConvI8 {
    Geometry g;
    Strips strips;
    kernels::Windows windows;
    Division division;
    IntegerFields fields;
    Slot x, packed, table, y;
    ScratchSlot scratch;

    void run(const Memory& m, Pieces pieces) const {
        const Area area = division.area(pieces);
        const std::size_t column = area.columns.first;
        const ChannelTable channels(table.in<std::int32_t>(m), g.out_channels);
        const std::size_t panel = kernels::packed_size_i8(1, windows.segments(), windows.run);
        kernels::GemmI8 gemm{windows, area.columns.count, g.out_channels,
                             from_column(channels.requantize(fields), column), fields.in_zero};
        void* image = scratch.out<std::uint8_t>(m);
        g.for_images(area.rows, [&](std::size_t n, Pieces rows) {
            const std::int8_t* in = x.in<std::int8_t>(m) + n * g.in_size();
            std::int8_t* out = y.out<std::int8_t>(m) + n * g.out_size() + column;
            g.for_strips(strips, rows, [&](std::size_t first, std::size_t count, const auto& read) {
                kernels::pad_left_i8(g.padding, read, {in, fields.in_zero}, image);
                gemm.windows.rows_y = count;
                kernels::gemm_i8(
                    gemm, {image, packed.in<std::int8_t>(m) + column / kernels::kPanel * panel,
                           channels.bias + column, channels.weight_sums + column,
                           out + first * g.out_width * g.out_channels});
            });
        });
    }
};

template <typename Product>
Result<StepPtr> make_float_conv(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({4, 1, kGeometryFields, 2}));
    HF_TRY(reader.expect_input(0, DType::kF32, 4));
    HF_TRY(reader.expect_output(0, DType::kF32, 4));
    const Geometry read = HF_TRY(read_geometry(reader, 1));
    HF_TRY(check_depth(read));
    const Geometry g = read.flattened();
    const kernels::GemmF32 gemm{g.windows(g.out_height), g.out_channels / g.group, g.out_channels,
                                reader.real(0), reader.real(1)};
    const Division division({g.all_rows(), g.out_width, gemm.columns, g.group > 1});
    const FloatConv<Product> conv{g,
                                  g.strips(sizeof(float)),
                                  gemm,
                                  division,
                                  reader.in(0),
                                  reader.in(1),
                                  reader.in(2),
                                  reader.in(3),
                                  reader.out(0),
                                  reader.scratch()};
    HF_TRY(reader.expect_elements(1, Product::kPacked, g.group * conv.packed_size()));
    if (reader.has_input(2)) {
        HF_TRY(reader.expect_elements(2, DType::kF32, g.group * conv.bias_size()));
    }
    if (reader.has_input(3)) {
        HF_TRY(reader.expect_elements(3, DType::kF32, g.batch * g.out_size()));
    }
    HF_TRY(reader.expect_scratch(product_scratch<Product>(conv.padded_bytes(), gemm.windows)));
    return step_in_pieces(division.cut(g.work() * Product::kCost),
                          [conv](const Memory& m, Pieces pieces) { conv.run(m, pieces); });
}

}  // namespace

Result<StepPtr> make_conv_f32(const Operation& operation) {
    return make_float_conv<ProductF32>(operation);
}

Result<StepPtr> make_conv_bf16(const Operation& operation) {
    return make_float_conv<ProductBf16>(operation);
}

Result<StepPtr> make_conv_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, kGeometryFields + kIntegerFields, 0}));
    HF_TRY(reader.expect_input(0, DType::kI8, 4));
    HF_TRY(reader.expect_output(0, DType::kI8, 4));
    const Geometry g = HF_TRY(read_geometry(reader, 1));
    HF_TRY(check_depth(g));
    if (g.group != 1) return unimplemented("int8 convolution in {} groups", g.group);
    const IntegerFields fields = HF_TRY(read_integer_fields(reader, kGeometryFields));
    const kernels::Windows windows = g.windows(g.out_height);
    const Strips strips = g.strips(sizeof(std::int16_t));
    HF_TRY(reader.expect_elements(
        1, DType::kI8, kernels::packed_size_i8(g.out_channels, windows.segments(), windows.run)));
    HF_TRY(reader.expect_elements(2, DType::kI32, channel_table_size(g.out_channels, fields.real)));
    HF_TRY(reader.expect_scratch(widened_bytes(strips.padded * g.padding.padded_row())));
    const Division division({g.all_rows(), g.out_width, g.out_channels, false, kBiasI8});
    const ConvI8 conv{g,
                      strips,
                      windows,
                      division,
                      fields,
                      reader.in(0),
                      reader.in(1),
                      reader.in(2),
                      reader.out(0),
                      reader.scratch()};
    return step_in_pieces(division.cut(g.work() * kCostI8),
                          [conv](const Memory& m, Pieces pieces) { conv.run(m, pieces); });
}

Result<StepPtr> make_depthwise_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, kGeometryFields, 2}));
    HF_TRY(reader.expect_input(0, DType::kF32, 4));
    HF_TRY(reader.expect_output(0, DType::kF32, 4));
    const Geometry g = HF_TRY(read_geometry(reader, kernels::kPanel));
    if (g.out_channels != g.padding.channels) {
        return unimplemented("depthwise convolution of {} channels into {}", g.padding.channels,
                             g.out_channels);
    }
    HF_TRY(reader.expect_elements(1, DType::kF32,
                                  g.kernel_y * g.kernel_x * g.padding.padded_channels));
    HF_TRY(reader.expect_elements(2, DType::kF32, g.padding.padded_channels));
    kernels::DepthwiseF32 shape = g.depthwise_f32();
    shape.min = reader.real(0);
    shape.max = reader.real(1);
    const Cut cut{g.all_rows(), g.depthwise_work() * kCostDepthwise};
    return step_in_pieces(cut, [=, x = reader.in(0), packed = reader.in(1), bias = reader.in(2),
                                y = reader.out(0)](const Memory& m, Pieces pieces) {
        g.for_images(pieces, [&](std::size_t n, Pieces rows) {
            const float* image = x.in<float>(m) + n * g.in_size();
            float* out =
                y.out<float>(m) + n * g.out_size() + rows.first * g.out_width * g.out_channels;
            kernels::depthwise_f32(shape, {image, 0, packed.in<float>(m), bias.in<float>(m), out},
                                   rows.first, rows.count);
        });
    });
}

Result<StepPtr> make_depthwise_i8(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({3, 1, kGeometryFields + kIntegerFields, 0}));
    HF_TRY(reader.expect_input(0, DType::kI8, 4));
    HF_TRY(reader.expect_output(0, DType::kI8, 4));
    const Geometry g = HF_TRY(read_geometry(reader, kernels::kPanel));
    if (g.out_channels != g.padding.channels) {
        return unimplemented("depthwise convolution of {} channels into {}", g.padding.channels,
                             g.out_channels);
    }
    if (g.kernel_y * g.kernel_x > kernels::kMaxTapsI8) {
        return unimplemented("a window of {} x {}", g.kernel_y, g.kernel_x);
    }
    const IntegerFields fields = HF_TRY(read_integer_fields(reader, kGeometryFields));
    HF_TRY(reader.expect_elements(
        1, DType::kI8,
        kernels::packed_size_depthwise_i8(g.kernel_y * g.kernel_x, g.padding.padded_channels)));
    HF_TRY(reader.expect_elements(2, DType::kI32, channel_table_size(g.out_channels, fields.real)));
    const Strips strips = g.strips(sizeof(std::int16_t));
    HF_TRY(reader.expect_scratch(widened_bytes(strips.padded * g.padding.padded_row())));
    const Cut cut{g.all_rows(), g.depthwise_work() * kCostDepthwise};
    return step_in_pieces(cut, [=, x = reader.in(0), packed = reader.in(1), table = reader.in(2),
                                y = reader.out(0),
                                scratch = reader.scratch()](const Memory& m, Pieces pieces) {
        const ChannelTable channels(table.in<std::int32_t>(m), g.out_channels);
        void* image = scratch.out<std::uint8_t>(m);
        g.for_images(pieces, [&](std::size_t n, Pieces rows) {
            const std::int8_t* in = x.in<std::int8_t>(m) + n * g.in_size();
            std::int8_t* out = y.out<std::int8_t>(m) + n * g.out_size();
            g.for_strips(strips, rows, [&](std::size_t first, std::size_t count, const auto& read) {
                kernels::pad_left_i8(g.padding, read, {in, fields.in_zero}, image);
                kernels::depthwise_i8(g.depthwise(count),
                                      {image, packed.in<std::int8_t>(m), channels.bias,
                                       channels.weight_sums, channels.requantize(fields),
                                       fields.in_zero, out + first * g.out_width * g.out_channels});
            });
        });
    });
}

}  // namespace hf::runtime::cpu
