#include "passes/quantize/layers.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "passes/editor.h"
#include "passes/operators.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

const Tensor* reals(const Editor& editor, ValueId id) {
    const Tensor* tensor = id == kNoValue ? nullptr : editor.constant(id);
    return tensor && tensor->dtype() == DType::kF32 ? tensor : nullptr;
}

// Why weights and bias cannot be stored as integers; empty when they can.
std::string refuse_weights(const Editor& editor, const Node& node, std::size_t axis) {
    const Tensor* weights = reals(editor, input(node, 1));
    if (!weights) return "its weights are computed, not constant";
    const auto finite = [](float value) { return std::isfinite(value); };
    const auto values = weights->values<float>();
    if (values.empty() || !std::all_of(values.begin(), values.end(), finite)) {
        return "its weights are empty or not finite";
    }
    if (input(node, 2) == kNoValue) return "";
    const Tensor* bias = reals(editor, node.inputs[2]);
    if (!bias || bias->elements() != weights->shape()[axis]) {
        return "its bias is not one constant number a channel";
    }
    const auto offsets = bias->values<float>();
    return std::all_of(offsets.begin(), offsets.end(), finite) ? "" : "its bias is not finite";
}

// Each kind of layer answers why the node is none; an empty answer fills `layer`.
std::string conv(const Editor& editor, const Node& node, Layer& layer) {
    layer.kind = Layer::Kind::kWeighted;
    layer.channel_axis = 0;
    const Tensor* weights = reals(editor, input(node, 1));
    if (weights && weights->shape().rank() != 4) return "it is not over two-dimensional images";
    const Shape* in = editor.known_shape(node.inputs[0]);
    if (!in || in->rank() != 4) return "the shape of its image is not known";
    const std::int64_t group = node.int_or("group", 1);
    const bool depthwise = weights && group == (*in)[1] && group == weights->shape()[0];
    if (group != 1 && !depthwise) return "it is in groups, which integer kernels do not have";
    return refuse_weights(editor, node, 0);
}

std::string product(const Editor& editor, const Node& node, Layer& layer) {
    layer.kind = Layer::Kind::kWeighted;
    const bool turned = is_onnx(node, "Gemm") && node.int_or("transB", 0) != 0;
    layer.channel_axis = turned ? 0 : 1;
    if (node.int_or("transA", 0) != 0 || node.float_or("alpha", 1) != 1 ||
        node.float_or("beta", 1) != 1) {
        return "it scales or transposes what it multiplies";
    }
    const Tensor* weights = reals(editor, input(node, 1));
    if (!weights) return "both of its factors are computed";
    if (weights->shape().rank() != 2) return "its weights are not one matrix";
    const Shape* in = editor.known_shape(node.inputs[0]);
    if (!in || in->rank() < 2) return "the shape of what it takes is not known";
    return refuse_weights(editor, node, layer.channel_axis);
}

std::string sum(const Editor& editor, const Node& node, Layer& layer) {
    if (node.inputs.size() != 2) return "it adds more than two";
    for (const ValueId id : node.inputs) {
        if (id == kNoValue || editor.constant(id)) return "it adds a constant";
    }
    const Shape* left = editor.known_shape(node.inputs[0]);
    const Shape* right = editor.known_shape(node.inputs[1]);
    if (!left || !right || *left != *right) return "its sides differ in shape";
    layer.places = {0, 1};
    return "";
}

std::string mean(const Editor& editor, const Node& node, Layer&) {
    const Shape* in = editor.known_shape(node.inputs[0]);
    if (!in || in->rank() != 4) return "the shape of its image is not known";
    if (is_onnx(node, "GlobalAveragePool")) return "";
    const auto pads = node.ints_or("pads", {});
    const bool padded = std::any_of(pads.begin(), pads.end(), [](auto pad) { return pad != 0; }) ||
                        node.string_or("auto_pad", "NOTSET").starts_with("SAME");
    const bool whole =
        node.ints_or("kernel_shape", {}) == std::vector<std::int64_t>{(*in)[2], (*in)[3]};
    return whole && !padded ? "" : "its window is not the whole image";
}

std::string move(const Editor&, const Node&, Layer& layer) {
    layer.kind = Layer::Kind::kMove;
    return "";
}

using Reader = std::string (*)(const Editor&, const Node&, Layer&);

Reader reader_of(const Node& node) {
    static constexpr std::pair<std::string_view, Reader> kReaders[] = {
        {"Conv", conv},      {"Gemm", product},     {"MatMul", product},
        {"Add", sum},        {"AveragePool", mean}, {"GlobalAveragePool", mean},
        {"MaxPool", move},   {"Reshape", move},     {"Flatten", move},
        {"Transpose", move}, {"Squeeze", move},     {"Unsqueeze", move}};
    for (const auto& [op, reader] : kReaders) {
        if (is_onnx(node, op)) return reader;
    }
    return nullptr;
}

bool has_constant_bounds(const Editor& editor, const Node& clip) {
    return clip_bound(editor, clip, 1, 0) && clip_bound(editor, clip, 2, 0);
}

// Past activations that only this value goes through.
ValueId behind_activations(const Editor& editor, ValueId value) {
    while (editor.has_one_taker(value)) {
        const Node& taker = editor.node(editor.takers(value)[0]);
        const bool activation = is_onnx(taker, "Relu") ||
                                (is_onnx(taker, "Clip") && has_constant_bounds(editor, taker));
        if (!activation || taker.inputs[0] != value) break;
        value = taker.outputs[0];
    }
    return value;
}

bool is_real(const Editor& editor, ValueId id) {
    return id != kNoValue && editor.is(id, DType::kF32) && !editor.constant(id);
}

}  // namespace

Layers find_layers(graph::Graph& graph) {
    const Editor editor(graph);
    Layers found;
    for (std::uint32_t id = 0; id < graph.values.size(); ++id) {
        found.range_of.push_back(ValueId(id));
    }
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        const Reader reader = reader_of(node);
        if (!reader || node.outputs.empty() || !is_real(editor, node.outputs[0]) ||
            !is_real(editor, input(node, 0))) {
            continue;
        }
        Layer layer;
        layer.node = i;
        layer.places = {0};
        std::string why =
            node.outputs.size() == 1 ? reader(editor, node, layer) : "it has more than one output";
        const bool follows = layer.kind == Layer::Kind::kMove;
        if (!why.empty()) {
            if (!follows) found.refusals.push_back({i, std::move(why)});
            continue;
        }
        layer.output = follows ? node.outputs[0] : behind_activations(editor, node.outputs[0]);
        if (follows) {
            found.range_of[layer.output.value()] = found.range_of[node.inputs[0].value()];
        }
        found.layers.push_back(std::move(layer));
    }
    return found;
}

Conversions place_conversions(graph::Graph& graph, const Layers& layers,
                              std::vector<bool> is_int8) {
    const Editor editor(graph);
    Conversions placed{std::move(is_int8), std::vector<bool>(graph.values.size()),
                       std::vector<bool>(graph.values.size())};
    std::vector<bool> takes(graph.nodes.size());  // by node: whether it takes int8
    const auto mark = [&](std::size_t index) {
        const Layer& layer = layers.layers[index];
        placed.is_int8[index] = takes[layer.node] = true;
        placed.made[layer.output.value()] = true;
        for (const std::size_t place : layer.places) {
            placed.wanted[graph.nodes[layer.node].inputs[place].value()] = true;
        }
    };
    for (std::size_t i = 0; i < layers.layers.size(); ++i) {
        const bool move = layers.layers[i].kind == Layer::Kind::kMove;
        if (move) placed.is_int8[i] = false;
        if (placed.is_int8[i]) mark(i);
    }
    const auto all_take = [&](ValueId value) {
        const auto& takers = editor.takers(value);
        return !takers.empty() && !editor.is_pinned(value) &&
               std::all_of(takers.begin(), takers.end(), [&](auto taker) { return takes[taker]; });
    };
    // Backwards first: what a move gives may be wanted by a move that is decided only by its own
    // takers. Then forwards, from what int8 layers make.
    for (std::size_t i = layers.layers.size(); i-- > 0;) {
        const Layer& layer = layers.layers[i];
        if (layer.kind == Layer::Kind::kMove && all_take(layer.output)) mark(i);
    }
    for (std::size_t i = 0; i < layers.layers.size(); ++i) {
        const Layer& layer = layers.layers[i];
        const ValueId from = graph.nodes[layer.node].inputs[0];
        if (layer.kind == Layer::Kind::kMove && placed.made[from.value()]) mark(i);
    }
    return placed;
}

}  // namespace hf::passes
