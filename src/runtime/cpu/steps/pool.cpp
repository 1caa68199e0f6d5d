// Pooling as steps: "simd.max_pool_f32", "simd.average_pool_f32" and their int8 forms. Integers are
// the geometry (group 1), and for averages whether padding counts; reals are the clamp.

#include "kernels/simd/pool.h"
#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

Result<kernels::Pool> pool_of(const OperationReader& reader, const Geometry& g) {
    if (g.group != 1 || g.out_channels != g.padding.channels) {
        return invalid_argument("pooling keeps channels");
    }
    if (g.padding.top >= g.kernel_y * g.dilation_y || g.padding.left >= g.kernel_x * g.dilation_x ||
        g.padding.bottom >= g.kernel_y * g.dilation_y ||
        g.padding.right >= g.kernel_x * g.dilation_x) {
        return invalid_argument("a window lies wholly in the padding");
    }
    kernels::Pool p;
    p.height = g.padding.height;
    p.width = g.padding.width;
    p.channels = g.padding.channels;
    p.out_height = g.out_height;
    p.out_width = g.out_width;
    p.kernel_height = g.kernel_y;
    p.kernel_width = g.kernel_x;
    p.stride_y = g.stride_y;
    p.stride_x = g.stride_x;
    p.dilation_y = g.dilation_y;
    p.dilation_x = g.dilation_x;
    p.top = g.padding.top;
    p.left = g.padding.left;
    p.count_padding = HF_TRY(reader.integer(kGeometryFields, 0, 1)) == 1;
    p.low = reader.real(0);
    p.high = reader.real(1);
    return p;
}

template <typename T>
Result<StepPtr> make_pool(const Operation& operation, DType dtype,
                          void (*kernel)(const kernels::Pool&, const T*, T*)) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({1, 1, kGeometryFields + 1, 2}));
    HF_TRY(reader.expect_input(0, dtype, 4));
    HF_TRY(reader.expect_output(0, dtype, 4));
    const Geometry g = HF_TRY(read_geometry(reader, 1));
    const kernels::Pool pool = HF_TRY(pool_of(reader, g));
    if (dtype == DType::kI8 && !(pool.low >= -128 && pool.low <= pool.high && pool.high <= 127)) {
        return invalid_argument("bounds {} to {} do not fit int8", pool.low, pool.high);
    }
    const Cut cut{g.all_rows(), g.depthwise_work() * kCostDepthwise};
    return step_in_pieces(
        cut, [=, x = reader.in(0), y = reader.out(0)](const Memory& m, Pieces pieces) {
            g.for_images(pieces, [&](std::size_t n, Pieces rows) {
                kernels::Pool here = pool;
                here.first_row = rows.first;
                here.out_height = rows.count;
                kernel(here, x.in<T>(m) + n * g.in_size(),
                       y.out<T>(m) + n * g.out_size() + rows.first * g.out_width * g.out_channels);
            });
        });
}

}  // namespace

Result<StepPtr> make_max_pool_f32(const Operation& operation) {
    return make_pool<float>(operation, DType::kF32, kernels::max_pool_f32);
}
Result<StepPtr> make_average_pool_f32(const Operation& operation) {
    return make_pool<float>(operation, DType::kF32, kernels::average_pool_f32);
}
Result<StepPtr> make_max_pool_i8(const Operation& operation) {
    return make_pool<std::int8_t>(operation, DType::kI8, kernels::max_pool_i8);
}
Result<StepPtr> make_average_pool_i8(const Operation& operation) {
    return make_pool<std::int8_t>(operation, DType::kI8, kernels::average_pool_i8);
}

}  // namespace hf::runtime::cpu
