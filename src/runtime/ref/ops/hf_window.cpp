#include "runtime/ref/ops/hf_window.h"

namespace hf::runtime::ref {
namespace {

Result<ImageAxis> make_axis(const graph::Node& node, std::size_t axis, std::int64_t in,
                            std::int64_t kernel) {
    const auto strides = node.ints_or("strides", {});
    const auto dilations = node.ints_or("dilations", {1, 1});
    const auto pads = node.ints_or("pads", {});
    if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) {
        return invalid_argument("strides, dilations and pads must be given for two axes");
    }
    constexpr std::int64_t kMax = 1 << 20;
    const auto within = [](std::int64_t x, std::int64_t low) { return x >= low && x <= kMax; };
    if (!within(strides[axis], 1) || !within(dilations[axis], 1) || !within(pads[axis], 0) ||
        !within(pads[axis + 2], 0) || !within(kernel, 1)) {
        return invalid_argument("kernel, stride, dilation or pad of axis {} is out of range", axis);
    }
    const std::int64_t room =
        in + pads[axis] + pads[axis + 2] - ((kernel - 1) * dilations[axis] + 1);
    if (room < 0) return invalid_argument("the kernel is larger than the padded axis {}", axis);
    return ImageAxis{in,        room / strides[axis] + 1, kernel, strides[axis], dilations[axis],
                     pads[axis]};
}

}  // namespace

Result<ImageWindow> make_window(const OpContext& context, const Shape& x, const Shape& kernel) {
    ImageWindow window;
    window.y = HF_TRY(make_axis(context.node, 0, x[1], kernel[0]));
    window.x = HF_TRY(make_axis(context.node, 1, x[2], kernel[1]));
    return window;
}

}  // namespace hf::runtime::ref
