// lower-images: two-dimensional Conv and pooling in NCHW become the hf operators in NHWC
// (graph/hf_ops.md) between two Transposes; move-transposes makes these cancel. Needs f32 and known
// shapes; for Conv, constant weights.

#include <algorithm>

#include "passes/images.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

// In place of the node; `lowered` lacks its image and its output.
void replace(Editor& editor, std::size_t index, Node lowered) {
    const Node node = editor.node(index);
    lowered.name = node.name;
    lowered.inputs.insert(lowered.inputs.begin(), node.inputs[0]);
    lowered.outputs = {node.outputs[0]};
    insert_in_nhwc(editor, index, std::move(lowered));
    editor.erase(index);
}

// f32 images of known shape on both sides; for a maximum, i8 too.
bool has_images(const Editor& editor, const Node& node) {
    if (node.inputs.empty() || node.outputs.empty() || node.outputs[0] == kNoValue) return false;
    for (ValueId id : {node.inputs[0], node.outputs[0]}) {
        const Shape* shape = editor.known_shape(id);
        const bool fits =
            editor.is(id, DType::kF32) || (node.op == "MaxPool" && editor.is(id, DType::kI8));
        if (!shape || shape->rank() != 4 || !fits ||
            std::find(shape->begin(), shape->end(), 0) != shape->end()) {
            return false;
        }
    }
    return true;
}

void lower_conv(Editor& editor, std::size_t index) {
    const Node node = editor.node(index);
    const Tensor* weights = editor.constant(input(node, 1));
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
    if (input(node, 2) != kNoValue) lowered.inputs.push_back(node.inputs[2]);
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
