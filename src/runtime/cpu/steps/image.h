// The geometry that convolution and pooling steps share. Internal to runtime/cpu.

#pragma once

#include <algorithm>

#include "kernels/simd/depthwise.h"
#include "kernels/simd/depthwise_f32.h"
#include "kernels/simd/pad.h"
#include "kernels/simd/windows.h"
#include "kernels/simd/winograd_f32.h"
#include "runtime/cpu/steps/common.h"

namespace hf::runtime::cpu {

// The integers of an image operation, in this order.
enum GeometryField : std::size_t {
    kStrideY,
    kStrideX,
    kDilationY,
    kDilationX,
    kTop,
    kLeft,
    kBottom,
    kRight,
    kGroup,
    kKernelY,
    kKernelX,
    kGeometryFields
};

// A convolution that wants borders works on strips of output rows, so that the padded rows under
// one stay in the cache between being written and being read. Where the weights themselves do not
// stay there, a strip has enough pixels to be worth reading them all.
struct Strips {
    std::size_t rows = 1;    // of the output, in all but the last strip
    std::size_t padded = 1;  // rows of the padded image under so many
};

struct StripInput {
    std::size_t out_height = 1, out_width = 1, stride = 1;
    std::size_t reach = 1;      // rows that a window spans
    std::size_t row_bytes = 1;  // of the padded image
    std::size_t weight_bytes = 0;
};
Strips strips_of(const StripInput& input);

struct Geometry {
    std::size_t batch = 0, out_height = 0, out_width = 0, out_channels = 0;
    std::size_t stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    std::size_t group = 1, kernel_y = 1, kernel_x = 1;
    kernels::Padding padding;  // of one image

    std::size_t in_size() const { return padding.height * padding.width * padding.channels; }
    std::size_t out_size() const { return out_height * out_width * out_channels; }

    // Over `rows` output rows of an image with its borders there, a group at a time.
    kernels::Windows windows(std::size_t rows) const;
    kernels::Depthwise depthwise(std::size_t rows) const;

    Strips strips(std::size_t element_size) const;

    // The output rows of all images, one after another.
    std::size_t all_rows() const { return batch * out_height; }

    // Calls f(image, its rows among them) for each image that `rows` of all_rows() touch.
    template <typename F>
    void for_images(Pieces rows, F f) const {
        std::size_t first = rows.first;
        const std::size_t end = rows.first + rows.count;
        while (first < end) {
            const std::size_t image = first / out_height, row = first % out_height;
            const std::size_t count = std::min(out_height - row, end - first);
            f(image, Pieces{row, count});
            first += count;
        }
    }

    // Calls f(first row, rows, padded rows under them) for each strip of an image's `rows`.
    template <typename F>
    void for_strips(const Strips& strips, Pieces rows, F f) const {
        const std::size_t end = rows.first + rows.count;
        for (std::size_t row = rows.first; row < end; row += strips.rows) {
            const std::size_t count = std::min(strips.rows, end - row);
            const std::size_t reach = (kernel_y - 1) * dilation_y + 1;
            f(row, count, kernels::PaddedRows{row * stride_y, (count - 1) * stride_y + reach});
        }
    }

    // Multiply-adds of all images.
    double work() const {
        return static_cast<double>(batch * out_size()) *
               static_cast<double>(kernel_y * kernel_x * (padding.channels / group));
    }

    double depthwise_work() const {
        return static_cast<double>(batch * out_size()) * static_cast<double>(kernel_y * kernel_x);
    }

    // The same as one column of pixels where windows are single pixels, each read once: rows are
    // then as short as can be.
    Geometry flattened() const;

    // Over one image as it is, its channels rounded up in weights and bias.
    kernels::DepthwiseF32 depthwise_f32() const;

    // Over one image as it is, if its windows are 3x3.
    kernels::WinogradF32 winograd_f32() const;
};

// From input 0 and output 0, both NHWC. Checks that the output has exactly as many positions as fit
// and that the image with its borders stays within Shape::kMaxElements; channels are rounded up to
// `channel_step` there.
Result<Geometry> read_geometry(const OperationReader& reader, std::size_t channel_step);

}  // namespace hf::runtime::cpu
