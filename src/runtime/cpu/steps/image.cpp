#include "runtime/cpu/steps/image.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::int64_t kMaxField = 1 << 16;  // strides, kernels, pads: beyond any image

// One axis: the padded extent and how many positions a window has on it.
struct Axis {
    std::size_t extent, kernel, stride, dilation;
};

Status check_axis(const Axis& axis, std::int64_t out) {
    const std::size_t reach = (axis.kernel - 1) * axis.dilation + 1;
    const std::size_t positions = reach > axis.extent ? 0 : (axis.extent - reach) / axis.stride + 1;
    if (positions == 0 || out != static_cast<std::int64_t>(positions)) {
        return invalid_argument("a window reaching over {} of {} has {} positions, not {}", reach,
                                axis.extent, positions, out);
    }
    return {};
}

}  // namespace

Strips strips_of(const StripInput& input) {
    constexpr std::size_t kStripBytes = 192 << 10, kWeightBytes = 256 << 10, kPixels = 96;
    const std::size_t fit = kStripBytes / std::max<std::size_t>(1, input.row_bytes);
    Strips strips;
    if (fit > input.reach) strips.rows += (fit - input.reach) / input.stride;
    if (input.weight_bytes > kWeightBytes) {
        const std::size_t width = std::max<std::size_t>(1, input.out_width);
        strips.rows = std::max(strips.rows, (kPixels + width - 1) / width);
    }
    strips.rows = std::min(strips.rows, input.out_height);
    strips.padded = (strips.rows - 1) * input.stride + input.reach;
    return strips;
}

Strips Geometry::strips(std::size_t element_size) const {
    const std::size_t weights = kernel_y * kernel_x * padding.channels / group * out_channels;
    return strips_of({out_height, out_width, stride_y, (kernel_y - 1) * dilation_y + 1,
                      padding.padded_row() * element_size, weights * element_size});
}

Geometry Geometry::flattened() const {
    if (kernel_y * kernel_x * stride_y * stride_x != 1 || !padding.is_none()) return *this;
    Geometry flat = *this;
    flat.out_height = flat.padding.height = batch * out_height * out_width;
    flat.batch = flat.out_width = flat.padding.width = 1;
    return flat;
}

kernels::Windows Geometry::windows(std::size_t rows) const {
    kernels::Windows w;
    const std::size_t row = padding.padded_row();
    w.rows_y = rows;
    w.rows_x = out_width;
    w.step_y = stride_y * row;
    w.step_x = stride_x * padding.padded_channels;
    w.segments_y = kernel_y;
    w.segment_step_y = dilation_y * row;
    // The taps of one row lie side by side: one long run.
    const bool whole_rows = group == 1 && dilation_x == 1;
    w.segments_x = whole_rows ? 1 : kernel_x;
    w.segment_step_x = dilation_x * padding.padded_channels;
    w.run = whole_rows ? kernel_x * padding.padded_channels : padding.channels / group;
    return w;
}

kernels::Depthwise Geometry::depthwise(std::size_t rows) const {
    kernels::Depthwise d;
    d.out_height = rows;
    d.out_width = out_width;
    d.channels = out_channels;
    d.padded_channels = padding.padded_channels;
    d.in_row = padding.padded_row();
    d.kernel_height = kernel_y;
    d.kernel_width = kernel_x;
    d.stride_y = stride_y;
    d.stride_x = stride_x;
    d.dilation_y = dilation_y;
    d.dilation_x = dilation_x;
    return d;
}

kernels::DepthwiseF32 Geometry::depthwise_f32() const {
    kernels::DepthwiseF32 d;
    d.in_height = padding.height;
    d.in_width = padding.width;
    d.channels = padding.channels;
    d.padded_channels = padding.padded_channels;
    d.out_height = out_height;
    d.out_width = out_width;
    d.kernel_height = kernel_y;
    d.kernel_width = kernel_x;
    d.stride_y = stride_y;
    d.stride_x = stride_x;
    d.dilation_y = dilation_y;
    d.dilation_x = dilation_x;
    d.top = padding.top;
    d.left = padding.left;
    return d;
}

kernels::WinogradF32 Geometry::winograd_f32() const {
    kernels::WinogradF32 w;
    w.height = padding.height;
    w.width = padding.width;
    w.out_height = out_height;
    w.out_width = out_width;
    w.top = padding.top;
    w.left = padding.left;
    w.channels = padding.channels;
    w.columns = out_channels;
    return w;
}

Result<Geometry> read_geometry(const OperationReader& reader, std::size_t channel_step) {
    const Shape& x = reader.input(0);
    const Shape& y = reader.output(0);
    Geometry g;
    g.batch = as_size(x[0]);
    g.stride_y = HF_TRY(reader.integer(kStrideY, 1, kMaxField));
    g.stride_x = HF_TRY(reader.integer(kStrideX, 1, kMaxField));
    g.dilation_y = HF_TRY(reader.integer(kDilationY, 1, kMaxField));
    g.dilation_x = HF_TRY(reader.integer(kDilationX, 1, kMaxField));
    g.kernel_y = HF_TRY(reader.integer(kKernelY, 1, kMaxField));
    g.kernel_x = HF_TRY(reader.integer(kKernelX, 1, kMaxField));
    g.group = HF_TRY(reader.integer(kGroup, 1, Shape::kMaxElements));
    g.padding.top = HF_TRY(reader.integer(kTop, 0, kMaxField));
    g.padding.left = HF_TRY(reader.integer(kLeft, 0, kMaxField));
    g.padding.bottom = HF_TRY(reader.integer(kBottom, 0, kMaxField));
    g.padding.right = HF_TRY(reader.integer(kRight, 0, kMaxField));
    g.padding.height = as_size(x[1]);
    g.padding.width = as_size(x[2]);
    g.padding.channels = as_size(x[3]);
    g.padding.padded_channels =
        (g.padding.channels + channel_step - 1) / channel_step * channel_step;
    g.out_height = as_size(y[1]);
    g.out_width = as_size(y[2]);
    g.out_channels = as_size(y[3]);
    if (x.elements() == 0 || y.elements() == 0 || y[0] != x[0]) {
        return invalid_argument("images {} do not become {}", x.to_string(), y.to_string());
    }
    HF_TRY(check_axis({g.padding.padded_height(), g.kernel_y, g.stride_y, g.dilation_y}, y[1]));
    HF_TRY(check_axis({g.padding.padded_width(), g.kernel_x, g.stride_x, g.dilation_x}, y[2]));
    const double padded = static_cast<double>(g.padding.padded_height()) *
                          static_cast<double>(g.padding.padded_width()) *
                          static_cast<double>(g.padding.padded_channels);
    if (padded > static_cast<double>(Shape::kMaxElements)) {
        return resource_exhausted("an image with its borders has {} elements", padded);
    }
    if (g.padding.channels % g.group != 0 || g.out_channels % g.group != 0) {
        return invalid_argument("{} and {} channels do not divide into {} groups",
                                g.padding.channels, g.out_channels, g.group);
    }
    return g;
}

}  // namespace hf::runtime::cpu
