// Convolutions as steps: "simd.conv_f32", "simd.conv_i8", "simd.depthwise_f32",
// "simd.depthwise_i8". Layouts of their operands are in docs/reference/plan-file.md.

#include "kernels/simd/depthwise_f32.h"
#include "kernels/simd/gemm_f32.h"
#include "kernels/simd/gemm_i8.h"
#include "runtime/cpu/steps/image.h"
#include "runtime/cpu/steps/integer.h"

namespace hf::runtime::cpu {
namespace {

// The depth of a product never overflows: each factor is bounded by Geometry.
Status check_depth(const Geometry& g) {
    const double depth = static_cast<double>(g.kernel_y) * static_cast<double>(g.kernel_x) *
                         static_cast<double>(g.padding.channels);
    if (depth > static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("a window has {} elements", depth);
    }
    return {};
}

}  // namespace

Result<StepPtr> make_conv_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({4, 1, kGeometryFields, 2}));
    HF_TRY(reader.expect_input(0, DType::kF32, 4));
    HF_TRY(reader.expect_output(0, DType::kF32, 4));
    const Geometry g = HF_TRY(read_geometry(reader, 1));
    HF_TRY(check_depth(g));
    const kernels::GemmF32 gemm{g.windows(g.out_height), g.out_channels / g.group, g.out_channels,
                                reader.real(0), reader.real(1)};
    const std::size_t packed_size = kernels::packed_size_f32(gemm.columns, gemm.windows.depth());
    const std::size_t bias_size = kernels::packed_columns(gemm.columns);
    HF_TRY(reader.expect_elements(1, DType::kF32, g.group * packed_size));
    if (reader.has_input(2)) HF_TRY(reader.expect_elements(2, DType::kF32, g.group * bias_size));
    if (reader.has_input(3)) {
        HF_TRY(reader.expect_elements(3, DType::kF32, g.batch * g.out_size()));
    }
    const bool pads = !g.padding.is_none();
    const Strips strips = g.strips(sizeof(float));
    if (pads) {
        HF_TRY(reader.expect_scratch(strips.padded * g.padding.padded_row() * sizeof(float)));
    }
    return step_of([=, x = reader.in(0), packed = reader.in(1), bias = reader.in(2),
                    residual = reader.in(3), y = reader.out(0),
                    scratch = reader.scratch()](const Memory& m) {
        // `rows` output rows from `first` on, whose image starts at `image`.
        const auto run = [&](std::size_t n, std::size_t first, std::size_t rows,
                             const float* image) {
            kernels::GemmF32 strip = gemm;
            strip.windows.rows_y = rows;
            for (std::size_t i = 0; i < g.group; ++i) {
                const std::size_t out =
                    n * g.out_size() + first * g.out_width * g.out_channels + i * gemm.columns;
                kernels::gemm_f32(strip, {image + i * (g.padding.channels / g.group),
                                          packed.in<float>(m) + i * packed_size,
                                          bias ? bias.in<float>(m) + i * bias_size : nullptr,
                                          residual ? residual.in<float>(m) + out : nullptr,
                                          y.out<float>(m) + out});
            }
        };
        for (std::size_t n = 0; n < g.batch; ++n) {
            const float* image = x.in<float>(m) + n * g.in_size();
            if (!pads) {
                run(n, 0, g.out_height, image);
                continue;
            }
            float* padded = scratch.out<float>(m);
            g.for_strips(
                strips, [&](std::size_t first, std::size_t count, const kernels::PaddedRows& rows) {
                    kernels::pad_f32(g.padding, rows, image, padded);
                    run(n, first, count, padded);
                });
        }
    });
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
    return step_of([=, x = reader.in(0), packed = reader.in(1), table = reader.in(2),
                    y = reader.out(0), scratch = reader.scratch()](const Memory& m) {
        const ChannelTable channels(table.in<std::int32_t>(m), g.out_channels);
        kernels::GemmI8 gemm{windows, g.out_channels, g.out_channels, channels.requantize(fields),
                             fields.in_zero};
        void* image = scratch.out<std::uint8_t>(m);
        for (std::size_t n = 0; n < g.batch; ++n) {
            const std::int8_t* in = x.in<std::int8_t>(m) + n * g.in_size();
            std::int8_t* out = y.out<std::int8_t>(m) + n * g.out_size();
            g.for_strips(
                strips, [&](std::size_t first, std::size_t count, const kernels::PaddedRows& rows) {
                    kernels::pad_left_i8(g.padding, rows, {in, fields.in_zero}, image);
                    gemm.windows.rows_y = count;
                    kernels::gemm_i8(
                        gemm, {image, packed.in<std::int8_t>(m), channels.bias,
                               channels.weight_sums, out + first * g.out_width * g.out_channels});
                });
        }
    });
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
    return step_of([=, x = reader.in(0), packed = reader.in(1), bias = reader.in(2),
                    y = reader.out(0)](const Memory& m) {
        for (std::size_t n = 0; n < g.batch; ++n) {
            const float* image = x.in<float>(m) + n * g.in_size();
            float* out = y.out<float>(m) + n * g.out_size();
            kernels::depthwise_f32(shape, {image, 0, packed.in<float>(m), bias.in<float>(m), out},
                                   0, g.out_height);
        }
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
    return step_of([=, x = reader.in(0), packed = reader.in(1), table = reader.in(2),
                    y = reader.out(0), scratch = reader.scratch()](const Memory& m) {
        const ChannelTable channels(table.in<std::int32_t>(m), g.out_channels);
        void* image = scratch.out<std::uint8_t>(m);
        for (std::size_t n = 0; n < g.batch; ++n) {
            const std::int8_t* in = x.in<std::int8_t>(m) + n * g.in_size();
            std::int8_t* out = y.out<std::int8_t>(m) + n * g.out_size();
            g.for_strips(strips, [&](std::size_t first, std::size_t count,
                                     const kernels::PaddedRows& rows) {
                kernels::pad_left_i8(g.padding, rows, {in, fields.in_zero}, image);
                kernels::depthwise_i8(g.depthwise(count),
                                      {image, packed.in<std::int8_t>(m), channels.bias,
                                       channels.weight_sums, channels.requantize(fields),
                                       fields.in_zero, out + first * g.out_width * g.out_channels});
            });
        }
    });
}

}  // namespace hf::runtime::cpu
