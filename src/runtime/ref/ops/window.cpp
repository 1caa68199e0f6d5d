#include "runtime/ref/ops/window.h"

#include <algorithm>

namespace hf::runtime::ref {
namespace {

Status check_attributes(const Window& window, const std::vector<std::int64_t>& pads) {
    const std::size_t rank = window.kernel.size();
    if (window.strides.size() != rank || window.dilations.size() != rank ||
        pads.size() != 2 * rank) {
        return invalid_argument("strides, dilations or pads do not fit {} spatial axes", rank);
    }
    for (std::size_t i = 0; i < rank; ++i) {
        constexpr std::int64_t kMax = 1 << 20;
        const auto within = [](std::int64_t x, std::int64_t low) { return x >= low && x <= kMax; };
        if (!within(window.kernel[i], 1) || !within(window.strides[i], 1) ||
            !within(window.dilations[i], 1) || !within(pads[i], 0) || !within(pads[i + rank], 0)) {
            return invalid_argument("kernel, stride, dilation or pad of axis {} is out of range",
                                    i);
        }
    }
    return {};
}

}  // namespace

Result<Window> make_window(const OpContext& context, const Shape& input,
                           std::vector<std::int64_t> kernel) {
    if (input.rank() < 3 || kernel.size() != input.rank() - 2) {
        return invalid_argument("input {} does not fit a kernel of {} axes", input.to_string(),
                                kernel.size());
    }
    const std::size_t rank = kernel.size();
    Window window;
    window.kernel = std::move(kernel);
    window.strides = context.node.ints_or("strides", std::vector<std::int64_t>(rank, 1));
    window.dilations = context.node.ints_or("dilations", std::vector<std::int64_t>(rank, 1));
    std::vector<std::int64_t> pads =
        context.node.ints_or("pads", std::vector<std::int64_t>(2 * rank, 0));
    HF_TRY(check_attributes(window, pads));
    const std::string auto_pad = context.node.string_or("auto_pad", "NOTSET");
    const bool ceil_mode = context.node.int_or("ceil_mode", 0) != 0;
    std::vector<std::int64_t> in, out;
    for (std::size_t i = 0; i < rank; ++i) {
        const std::int64_t extent = input[i + 2];
        const std::int64_t stride = window.strides[i];
        const std::int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
        if (auto_pad.starts_with("SAME")) {
            const std::int64_t count = (extent + stride - 1) / stride;
            const std::int64_t total =
                std::max<std::int64_t>(0, (count - 1) * stride + reach - extent);
            pads[i] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
            pads[i + rank] = total - pads[i];
        } else if (auto_pad == "VALID") {
            pads[i] = pads[i + rank] = 0;
        }
        const std::int64_t room = extent + pads[i] + pads[i + rank] - reach;
        if (room < 0) return invalid_argument("the kernel is larger than the padded axis {}", i);
        std::int64_t count = (ceil_mode ? room + stride - 1 : room) / stride + 1;
        // A window that would start in the padding behind the input does not count.
        if (ceil_mode && (count - 1) * stride >= extent + pads[i]) --count;
        in.push_back(extent);
        out.push_back(count);
    }
    window.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(rank));
    window.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(rank), pads.end());
    window.in = Shape(std::move(in));
    window.out = Shape(std::move(out));
    return window;
}

}  // namespace hf::runtime::ref
