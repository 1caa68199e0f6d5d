// fuse-layers: what stands right behind an hf.Conv2d or hf.Gemm moves into it: the addition of a
// constant a filter (into the bias), of another result of the same shape (the residual), and then
// the activation.

#include <limits>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

constexpr std::size_t kBias = 2;
constexpr std::size_t kResidual = 3;

// One value a filter from a constant that is broadcast along the last axis of an image.
std::optional<std::vector<float>> per_filter(const Tensor* tensor, std::int64_t filters) {
    if (!tensor || tensor->dtype() != DType::kF32 || tensor->shape().rank() > 4) {
        return std::nullopt;
    }
    const Shape& shape = tensor->shape();
    for (std::size_t i = 0; i + 1 < shape.rank(); ++i) {
        if (shape[i] != 1) return std::nullopt;
    }
    const auto values = tensor->values<float>();
    if (values.size() == 1) {
        return std::vector<float>(static_cast<std::size_t>(filters), values[0]);
    }
    if (static_cast<std::int64_t>(values.size()) != filters) return std::nullopt;
    return std::vector<float>(values.begin(), values.end());
}

// The taker gives its output to the convolution and goes.
void swallow(Editor& editor, std::size_t conv, std::size_t taker) {
    const ValueId output = editor.node(taker).outputs[0];
    editor.erase(taker);
    editor.node(conv).outputs[0] = output;
}

bool fuse_bias(Editor& editor, std::size_t conv, std::size_t taker, ValueId other) {
    const Node& node = editor.node(conv);
    const std::int64_t filters = editor.constant(node.inputs[1])->shape()[0];
    auto bias = per_filter(editor.constant(other), filters);
    if (!bias || input(node, kResidual) != kNoValue) return false;
    if (input(node, kBias) != kNoValue) {
        const auto before = per_filter(editor.constant(node.inputs[kBias]), filters);
        if (!before) return false;
        for (std::size_t i = 0; i < bias->size(); ++i) (*bias)[i] += (*before)[i];
    }
    const ValueId sum = editor.fresh_constant(node.name + "_bias",
                                              Tensor::of<float>(DType::kF32, {filters}, *bias));
    editor.set_input(conv, kBias, sum);
    swallow(editor, conv, taker);
    return true;
}

// The residual may be computed after the convolution, so that moves to where the sum was.
bool fuse_residual(Editor& editor, std::size_t conv, std::size_t taker, ValueId other) {
    const Node& node = editor.node(conv);
    const Shape* shape = editor.known_shape(node.outputs[0]);
    const Shape* other_shape = editor.known_shape(other);
    if (input(node, kResidual) != kNoValue || !shape || !other_shape || *shape != *other_shape ||
        !editor.is(other, DType::kF32)) {
        return false;
    }
    Node moved = node;
    moved.inputs.resize(kResidual + 1, kNoValue);
    moved.inputs[kResidual] = other;
    moved.outputs = editor.node(taker).outputs;
    editor.erase(conv);
    editor.erase(taker);
    editor.insert_after(taker, std::move(moved));
    return true;
}

bool fuse_activation(Editor& editor, std::size_t conv, std::size_t taker) {
    const Node& node = editor.node(taker);
    graph::AttributeMap& attributes = editor.node(conv).attributes;
    if (is_onnx(node, "Relu")) {
        attributes["activation"] = std::string("relu");
    } else if (is_onnx(node, "Clip")) {
        constexpr float kMax = std::numeric_limits<float>::max();
        const auto low = clip_bound(editor, node, 1, -kMax);
        const auto high = clip_bound(editor, node, 2, kMax);
        if (!low || !high || !(*low <= *high)) return false;
        attributes["activation"] = std::string("clip");
        attributes["activation_min"] = *low;
        attributes["activation_max"] = *high;
    } else if (is_onnx(node, "Sigmoid")) {
        attributes["activation"] = std::string("sigmoid");
    } else if (is_onnx(node, "Tanh")) {
        attributes["activation"] = std::string("tanh");
    } else if (is_onnx(node, "HardSwish")) {
        attributes["activation"] = std::string("hard_swish");
    } else if (node.domain == "hf" && node.op == "Gelu") {
        attributes["activation"] = std::string("gelu");
    } else if (is_onnx(node, "LeakyRelu")) {
        attributes["activation"] = std::string("leaky_relu");
        attributes["activation_alpha"] = node.float_or("alpha", 0.01f);
    } else {
        return false;
    }
    swallow(editor, conv, taker);
    return true;
}

// One step; false when there is none.
bool fuse_next(Editor& editor, std::size_t conv) {
    const Node& node = editor.node(conv);
    const ValueId output = node.outputs[0];
    if (node.string_or("activation", "") != "none" || !editor.has_one_taker(output)) return false;
    const std::size_t taker = editor.takers(output)[0];
    const Node& next = editor.node(taker);
    if (!is_onnx(next, "Add")) return fuse_activation(editor, conv, taker);
    if (!is_binary_elementwise(next)) return false;
    const ValueId other = next.inputs[next.inputs[0] == output ? 1 : 0];
    return fuse_bias(editor, conv, taker, other) || fuse_residual(editor, conv, taker, other);
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        const bool layer = node.domain == "hf" && (node.op == "Conv2d" || node.op == "Gemm") &&
                           editor.constant(input(node, 1)) != nullptr && node.outputs.size() == 1 &&
                           node.outputs[0] != kNoValue;
        while (layer && !editor.is_erased(i) && fuse_next(editor, i)) {
        }
    }
    return editor.finish();
}

}  // namespace

Pass fuse_layers_pass() {
    return {"fuse-layers", "bias, residual and activation go into the layer before them", run};
}

}  // namespace hf::passes
