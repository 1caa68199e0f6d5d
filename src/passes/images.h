// Windows over images, and operators in NHWC in place of those in NCHW. Internal to passes.

#pragma once

#include <array>
#include <optional>

#include "passes/editor.h"

namespace hf::passes {

using Pair = std::array<std::int64_t, 2>;  // height, width

struct Window {
    Pair kernel{}, strides{}, dilations{}, before{}, after{};
};

// The window of a Conv or a pooling operator, with explicit pads such that floor division gives the
// output's extents; nullopt when its attributes are not those of two axes. Shapes are NCHW.
std::optional<Window> window_of(const graph::Node& node, Pair kernel, const Shape& in,
                                const Shape& out);

// "strides" and "pads" as hf operators have them.
graph::AttributeMap attributes_of(const Window& window);

// OIHW to OHWI, of any element type but strings.
Tensor turned_weights(const Tensor& weights);

// Puts `lowered`, whose first input and output are images in NCHW, before the node, working in NHWC
// between two Transposes. REQUIRES: known shapes of rank 4 and types on both sides.
void insert_in_nhwc(Editor& editor, std::size_t before_node, graph::Node lowered);

}  // namespace hf::passes
