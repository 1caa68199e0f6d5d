// "simd.winograd_f32": a convolution with 3x3 windows at stride 1, by Winograd's F(4x4, 3x3).

#include "kernels/simd/winograd_f32.h"
#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::int64_t kMostTiles = 4096;  // at a time

bool is_three_by_three(const Geometry& g) {
    return g.kernel_y == 3 && g.kernel_x == 3 && g.stride_y == 1 && g.stride_x == 1 &&
           g.dilation_y == 1 && g.dilation_x == 1 && g.group == 1;
}

}  // namespace

Result<StepPtr> make_winograd_f32(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({4, 1, kGeometryFields + 1, 2}));
    HF_TRY(reader.expect_input(0, DType::kF32, 4));
    HF_TRY(reader.expect_output(0, DType::kF32, 4));
    const Geometry g = HF_TRY(read_geometry(reader, 1));
    if (!is_three_by_three(g)) return unimplemented("windows that are not 3x3 at stride 1");
    kernels::WinogradF32 conv = g.winograd_f32();
    if (conv.channels % kernels::kPanel != 0 || conv.columns % kernels::kPanel != 0) {
        return unimplemented("{} channels into {}", conv.channels, conv.columns);
    }
    conv.block = HF_TRY(reader.integer(kGeometryFields, 1, kMostTiles));
    conv.min = reader.real(0);
    conv.max = reader.real(1);
    // Channels and columns are bounded by their images, 36 of their products are not.
    const double packed =
        36.0 * static_cast<double>(conv.channels) * static_cast<double>(conv.columns);
    if (packed > static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("{} transformed weights", packed);
    }
    HF_TRY(reader.expect_elements(1, DType::kF32, conv.packed_size()));
    if (reader.has_input(2)) HF_TRY(reader.expect_elements(2, DType::kF32, conv.columns));
    if (reader.has_input(3)) {
        HF_TRY(reader.expect_elements(3, DType::kF32, g.batch * g.out_size()));
    }
    HF_TRY(reader.expect_scratch(conv.scratch_size() * sizeof(float)));
    const double macs =
        static_cast<double>(conv.tiles() * g.batch) * static_cast<double>(conv.packed_size());
    const Cut cut{g.batch * conv.blocks(), macs};
    return step_in_pieces(cut, [=, x = reader.in(0), packed = reader.in(1), bias = reader.in(2),
                                residual = reader.in(3), y = reader.out(0),
                                scratch = reader.scratch()](const Memory& m, Pieces pieces) {
        for (std::size_t i = pieces.first; i < pieces.first + pieces.count; ++i) {
            const std::size_t n = i / conv.blocks(), out = n * g.out_size();
            kernels::winograd_f32(conv,
                                  {x.in<float>(m) + n * g.in_size(), packed.in<float>(m),
                                   bias ? bias.in<float>(m) : nullptr,
                                   residual ? residual.in<float>(m) + out : nullptr,
                                   scratch.out<float>(m), y.out<float>(m) + out},
                                  i % conv.blocks());
        }
    });
}

}  // namespace hf::runtime::cpu
