#include "passes/images.h"

#include <algorithm>
#include <cstring>

namespace hf::passes {
namespace {

using graph::AttributeMap;
using graph::Node;
using graph::ValueId;

struct Extents {
    std::int64_t in, out;
};

// One axis: explicit pads at both ends such that floor division gives `out` windows.
void resolve_pads(const Node& node, const Extents& extents, Window& w, std::size_t axis) {
    const std::string auto_pad = node.string_or("auto_pad", "NOTSET");
    const std::int64_t reach = (w.kernel[axis] - 1) * w.dilations[axis] + 1;
    const std::int64_t needed = (extents.out - 1) * w.strides[axis] + reach - extents.in;
    if (auto_pad.starts_with("SAME")) {
        const std::int64_t total = std::max<std::int64_t>(needed, 0);
        w.before[axis] = auto_pad == "SAME_UPPER" ? total / 2 : total - total / 2;
        w.after[axis] = total - w.before[axis];
    } else if (auto_pad == "VALID") {
        w.before[axis] = w.after[axis] = 0;
    } else if (node.int_or("ceil_mode", 0) != 0) {
        w.after[axis] = std::max(w.after[axis], needed - w.before[axis]);
    }
}

Shape to_nhwc(const Shape& nchw) {
    return Shape{nchw[0], nchw[2], nchw[3], nchw[1]};
}

}  // namespace

std::optional<Window> window_of(const Node& node, Pair kernel, const Shape& in, const Shape& out) {
    Window w;
    w.kernel = kernel;
    const auto strides = node.ints_or("strides", {1, 1});
    const auto dilations = node.ints_or("dilations", {1, 1});
    const auto pads = node.ints_or("pads", {0, 0, 0, 0});
    if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4) return std::nullopt;
    for (std::size_t i = 0; i < 2; ++i) {
        w.strides[i] = strides[i];
        w.dilations[i] = dilations[i];
        w.before[i] = pads[i];
        w.after[i] = pads[i + 2];
        resolve_pads(node, {in[i + 2], out[i + 2]}, w, i);
    }
    return w;
}

AttributeMap attributes_of(const Window& w) {
    using Ints = std::vector<std::int64_t>;
    return {{"strides", Ints{w.strides[0], w.strides[1]}},
            {"pads", Ints{w.before[0], w.before[1], w.after[0], w.after[1]}}};
}

Tensor turned_weights(const Tensor& weights) {
    const Shape& s = weights.shape();
    Tensor out(weights.dtype(), {s[0], s[2], s[3], s[1]});
    if (out.elements() == 0) return out;
    const std::size_t size = dtype_size(weights.dtype());
    const std::uint8_t* from = weights.bytes().data();
    std::uint8_t* to = out.mutable_bytes().data();
    const auto depth = static_cast<std::size_t>(s[1]);
    const std::size_t taps = static_cast<std::size_t>(s[2] * s[3]);
    for (std::size_t o = 0; o < static_cast<std::size_t>(s[0]); ++o) {
        for (std::size_t i = 0; i < depth; ++i) {
            for (std::size_t t = 0; t < taps; ++t) {
                std::memcpy(to + ((o * taps + t) * depth + i) * size,
                            from + ((o * depth + i) * taps + t) * size, size);
            }
        }
    }
    return out;
}

void insert_in_nhwc(Editor& editor, std::size_t before_node, Node lowered) {
    const ValueId image = lowered.inputs[0], output = lowered.outputs[0];
    const Shape in = to_nhwc(*editor.known_shape(image));
    const Shape out = to_nhwc(*editor.known_shape(output));
    const auto in_type = editor.value(image).dtype, out_type = editor.value(output).dtype;
    const std::string name = lowered.name;
    const ValueId before = editor.fresh(name + "_nhwc", in_type, in);
    const ValueId after = editor.fresh(name + "_nhwc", out_type, out);
    constexpr std::int64_t kOpset = 13;
    using Ints = std::vector<std::int64_t>;
    lowered.domain = "hf";
    lowered.inputs[0] = before;
    lowered.outputs[0] = after;
    const Node to_nhwc{name + "_to_nhwc",           "", "Transpose", kOpset, {image}, {before},
                       {{"perm", Ints{0, 2, 3, 1}}}};
    const Node to_nchw{name + "_to_nchw",           "", "Transpose", kOpset, {after}, {output},
                       {{"perm", Ints{0, 3, 1, 2}}}};
    editor.insert_before(before_node, to_nhwc);
    editor.insert_before(before_node, std::move(lowered));
    editor.insert_before(before_node, to_nchw);
}

}  // namespace hf::passes
