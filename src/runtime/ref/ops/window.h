// The geometry that convolution and pooling share: kernel, strides, pads and dilations over any
// number of spatial axes, by ONNX's attributes. Internal to runtime/ref.

#pragma once

#include <vector>

#include "runtime/ref/ops/common.h"

namespace hf::runtime::ref {

struct Window {
    std::vector<std::int64_t> kernel;
    std::vector<std::int64_t> strides;
    std::vector<std::int64_t> dilations;
    std::vector<std::int64_t> before;  // padding at the start of each axis
    std::vector<std::int64_t> after;
    Shape in;   // spatial extents of the input
    Shape out;  // spatial extents of the output

    // Calls f(linear kernel index, linear input index) for every tap of output position `at` that
    // lies inside the input.
    template <typename F>
    void for_taps(std::span<const std::int64_t> at, F f) const {
        std::vector<std::int64_t> tap(kernel.size(), 0);
        const Shape extents(kernel);
        std::int64_t index = 0;
        do {
            std::int64_t from = 0;
            bool inside = true;
            for (std::size_t i = 0; i < kernel.size() && inside; ++i) {
                const std::int64_t x = at[i] * strides[i] + tap[i] * dilations[i] - before[i];
                inside = x >= 0 && x < in[i];
                from = from * in[i] + x;
            }
            if (inside) f(index, from);
            ++index;
        } while (next_coordinate(extents, tap));
    }
};

// `input` is [N, C, spatial...]; kernel extents as given. Checks every attribute.
Result<Window> make_window(const OpContext& context, const Shape& input,
                           std::vector<std::int64_t> kernel);

}  // namespace hf::runtime::ref
