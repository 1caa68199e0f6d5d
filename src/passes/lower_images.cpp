// lower-images: two-dimensional Conv and pooling in NCHW become the hf operators in NHWC
// (graph/hf_ops.md) between two Transposes; move-transposes makes these cancel. Needs f32 and known
// shapes; for Conv, constant weights.

#include <algorithm>
#include <array>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::AttributeMap;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

using Pair = std::array<std::int64_t, 2>;

struct Window {
    Pair kernel{}, strides{}, dilations{}, before{}, after{};
};

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

Shape to_nhwc(const Shape& nchw) {
    return Shape{nchw[0], nchw[2], nchw[3], nchw[1]};
}

// OIHW to OHWI.
Tensor turned_weights(const Tensor& weights) {
    const Shape& s = weights.shape();
    Tensor out(DType::kF32, {s[0], s[2], s[3], s[1]});
    const auto from = weights.values<float>();
    const auto to = out.mutable_values<float>();
    const std::int64_t taps = s[2] * s[3];
    for (std::int64_t o = 0; o < s[0]; ++o) {
        for (std::int64_t i = 0; i < s[1]; ++i) {
            for (std::int64_t t = 0; t < taps; ++t) {
                to[static_cast<std::size_t>((o * taps + t) * s[1] + i)] =
                    from[static_cast<std::size_t>((o * s[1] + i) * taps + t)];
            }
        }
    }
    return out;
}

// Puts `lowered`, which lacks its image input and its output, between two Transposes in place of
// the node.
void replace(Editor& editor, std::size_t index, Node lowered) {
    const Node node = editor.node(index);
    const Shape in = *editor.known_shape(node.inputs[0]);
    const Shape out = *editor.known_shape(node.outputs[0]);
    const ValueId before = editor.fresh(node.name + "_nhwc", DType::kF32, to_nhwc(in));
    const ValueId after = editor.fresh(node.name + "_nhwc", DType::kF32, to_nhwc(out));
    constexpr std::int64_t kOpset = 13;
    using Ints = std::vector<std::int64_t>;
    lowered.name = node.name;
    lowered.domain = "hf";
    lowered.inputs.insert(lowered.inputs.begin(), before);
    lowered.outputs = {after};
    editor.insert_before(index, {node.name + "_to_nhwc",
                                 "",
                                 "Transpose",
                                 kOpset,
                                 {node.inputs[0]},
                                 {before},
                                 {{"perm", Ints{0, 2, 3, 1}}}});
    editor.insert_before(index, std::move(lowered));
    editor.insert_before(index, {node.name + "_to_nchw",
                                 "",
                                 "Transpose",
                                 kOpset,
                                 {after},
                                 {node.outputs[0]},
                                 {{"perm", Ints{0, 3, 1, 2}}}});
    editor.erase(index);
}

// f32 images of known shape on both sides.
bool has_images(const Editor& editor, const Node& node) {
    if (node.inputs.empty() || node.outputs.empty() || node.outputs[0] == kNoValue) return false;
    for (ValueId id : {node.inputs[0], node.outputs[0]}) {
        const Shape* shape = editor.known_shape(id);
        if (!shape || shape->rank() != 4 || !editor.is(id, DType::kF32) ||
            std::find(shape->begin(), shape->end(), 0) != shape->end()) {
            return false;
        }
    }
    return true;
}

void lower_conv(Editor& editor, std::size_t index) {
    const Node node = editor.node(index);
    const Tensor* weights = editor.constant(node.inputs.size() > 1 ? node.inputs[1] : kNoValue);
    if (!weights || weights->dtype() != DType::kF32 || weights->shape().rank() != 4) return;
    const Pair kernel{weights->shape()[2], weights->shape()[3]};
    const auto window = window_of(node, kernel, *editor.known_shape(node.inputs[0]),
                                  *editor.known_shape(node.outputs[0]));
    if (!window) return;
    Node lowered;
    lowered.op = "Conv2d";
    lowered.attributes = attributes_of(*window);
    lowered.attributes["dilations"] =
        std::vector<std::int64_t>{window->dilations[0], window->dilations[1]};
    lowered.attributes["group"] = node.int_or("group", 1);
    lowered.attributes["activation"] = std::string("none");
    lowered.inputs = {
        editor.fresh_constant(editor.value(node.inputs[1]).name, turned_weights(*weights))};
    if (node.inputs.size() > 2 && node.inputs[2] != kNoValue) {
        lowered.inputs.push_back(node.inputs[2]);
    }
    replace(editor, index, std::move(lowered));
}

// Whether no window lies in the padding alone, where a maximum would have nothing to choose from.
bool every_window_touches(const Window& w, const Shape& in, const Shape& out) {
    for (std::size_t i = 0; i < 2; ++i) {
        const std::int64_t last = (out[i + 2] - 1) * w.strides[i] - w.before[i];
        if (w.before[i] >= w.kernel[i] || last >= in[i + 2]) return false;
    }
    return true;
}

void lower_pool(Editor& editor, std::size_t index) {
    const Node& node = editor.node(index);
    const bool average = node.op == "AveragePool";
    const auto kernel = node.ints_or("kernel_shape", {});
    const auto dilations = node.ints_or("dilations", {1, 1});
    const bool padded = node.int_or("count_include_pad", 0) != 0;
    const bool indices = node.outputs.size() > 1 && node.outputs[1] != kNoValue;
    // What is past the padded end does not count in an average, so ceiling is not mere padding.
    const bool odd = average && padded && node.int_or("ceil_mode", 0) != 0;
    if (kernel.size() != 2 || dilations != std::vector<std::int64_t>{1, 1} || indices || odd) {
        return;
    }
    const auto window = window_of(node, {kernel[0], kernel[1]}, *editor.known_shape(node.inputs[0]),
                                  *editor.known_shape(node.outputs[0]));
    if (!window || !every_window_touches(*window, *editor.known_shape(node.inputs[0]),
                                         *editor.known_shape(node.outputs[0]))) {
        return;
    }
    Node lowered;
    lowered.op = average ? "AveragePool2d" : "MaxPool2d";
    lowered.attributes = attributes_of(*window);
    lowered.attributes["kernel_shape"] = kernel;
    if (average) lowered.attributes["count_include_pad"] = std::int64_t{padded};
    replace(editor, index, std::move(lowered));
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        if (!has_images(editor, node)) continue;
        if (is_onnx(node, "Conv")) {
            lower_conv(editor, i);
        } else if (is_onnx(node, "MaxPool") || is_onnx(node, "AveragePool")) {
            lower_pool(editor, i);
        }
    }
    return editor.finish();
}

}  // namespace

Pass lower_images_pass() {
    return {"lower-images", "convolution and pooling in NHWC, between transposes", run};
}

}  // namespace hf::passes
