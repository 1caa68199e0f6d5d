// Windows over images in NHWC, for the operators that the passes make. Internal to runtime/ref.

#pragma once

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

struct ImageAxis {
    std::int64_t in = 0, out = 0, kernel = 1, stride = 1, dilation = 1, before = 0;

    // The input position of a tap, or negative where it lies in the padding.
    std::int64_t place(std::int64_t at, std::int64_t tap) const {
        const std::int64_t x = at * stride + tap * dilation - before;
        return x < in ? x : -1;
    }
};

struct ImageWindow {
    ImageAxis y, x;
};

// From strides, dilations and pads of the node. INVALID_ARGUMENT where they are missing or absurd.
Result<ImageWindow> make_window(const OpContext& context, const Shape& x, const Shape& kernel);

// Calls f(pixel of the output, tap, pixel of the input) for every tap inside the image; taps are
// numbered row by row, pixels over the batch.
template <typename F>
void for_taps(const ImageWindow& w, std::int64_t out_pixel, F f) {
    const std::int64_t column = out_pixel % w.x.out;
    const std::int64_t row = out_pixel / w.x.out % w.y.out;
    const std::int64_t batch = out_pixel / w.x.out / w.y.out;
    for (std::int64_t ky = 0; ky < w.y.kernel; ++ky) {
        const std::int64_t y = w.y.place(row, ky);
        for (std::int64_t kx = 0; kx < w.x.kernel && y >= 0; ++kx) {
            const std::int64_t x = w.x.place(column, kx);
            if (x >= 0) f(ky * w.x.kernel + kx, (batch * w.y.in + y) * w.x.in + x);
        }
    }
}

}  // namespace hf::runtime::ref
