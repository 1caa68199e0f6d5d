#include "passes/quantize/opset.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <string_view>

#include "passes/editor.h"
#include "passes/operators.h"

namespace hf::passes {
namespace {

using graph::Node;
using graph::ValueId;

// Operators that mean from this opset on what they mean in opset 13, when their attributes are the
// same.
constexpr std::array<std::pair<std::string_view, std::int64_t>, 47> kSteady{{
    {"Abs", 6},
    {"Add", 7},
    {"ArgMax", 1},
    {"AveragePool", 1},
    {"Cast", 6},
    {"Ceil", 6},
    {"Concat", 4},
    {"Conv", 1},
    {"ConvTranspose", 1},
    {"Cos", 7},
    {"Div", 7},
    {"Elu", 6},
    {"Equal", 7},
    {"Erf", 9},
    {"Exp", 6},
    {"Expand", 8},
    {"Flatten", 1},
    {"Floor", 6},
    {"Gather", 1},
    {"Gemm", 7},
    {"GlobalAveragePool", 1},
    {"GlobalMaxPool", 1},
    {"HardSigmoid", 6},
    {"Identity", 1},
    {"InstanceNormalization", 6},
    {"LRN", 1},
    {"LeakyRelu", 6},
    {"Log", 6},
    {"MatMul", 1},
    {"MaxPool", 1},
    {"Mul", 7},
    {"Neg", 6},
    {"PRelu", 9},
    {"Pow", 7},
    {"ReduceMax", 1},
    {"ReduceMean", 1},
    {"Relu", 6},
    {"Reshape", 5},
    {"Shape", 1},
    {"Sigmoid", 6},
    {"Sin", 7},
    {"Softplus", 1},
    {"Sqrt", 6},
    {"Sub", 7},
    {"Sum", 8},
    {"Tanh", 6},
    {"Transpose", 1},
}};

bool is_steady(const Node& node) {
    return std::any_of(kSteady.begin(), kSteady.end(), [&](const auto& row) {
        return row.first == node.op && node.opset >= row.second;
    });
}

void bounds_to_inputs(Editor& editor, std::size_t index) {
    const Node node = editor.node(index);
    std::size_t place = 1;
    for (const char* bound : {"min", "max"}) {
        if (node.has(bound)) {
            const float value = node.float_or(bound, 0);
            const ValueId id = editor.fresh_constant(
                node.name + "_" + bound, Tensor::of<float>(DType::kF32, {}, std::span(&value, 1)));
            editor.set_input(index, place, id);
        }
        ++place;
        editor.node(index).attributes.erase(bound);
    }
}

// Attributes of constants become inputs, in this order; those that are missing stay omitted.
void constants_to_inputs(Editor& editor, std::size_t index,
                         std::initializer_list<const char*> names) {
    std::size_t place = 0;
    for (const char* name : names) {
        ++place;
        if (!editor.node(index).has(name)) continue;
        const auto values = editor.node(index).ints_or(name, {});
        const Shape shape{static_cast<std::int64_t>(values.size())};
        const ValueId id =
            editor.fresh_constant(editor.node(index).name + "_" + name,
                                  Tensor::of<std::int64_t>(DType::kI64, shape, values));
        editor.set_input(index, place, id);
        editor.node(index).attributes.erase(name);
    }
}

// At inference it gives back what it gets; the mask, whose type has changed, must not be wanted.
bool dropout_without_mask(Editor& editor, std::size_t index) {
    Node& node = editor.node(index);
    if (node.outputs.size() > 1) {
        const ValueId mask = node.outputs[1];
        if (mask != graph::kNoValue && (!editor.takers(mask).empty() || editor.is_pinned(mask))) {
            return false;
        }
        node.outputs.resize(1);
    }
    node.attributes.erase("ratio");
    return node.opset >= 7;
}

// Up to opset 5 these could say which inputs to overwrite, and otherwise meant the same.
bool is_old_unary(const Node& node) {
    static constexpr std::array<std::string_view, 12> kOps{"Abs",     "Ceil",      "Elu",  "Exp",
                                                           "Floor",   "LeakyRelu", "Log",  "Neg",
                                                           "Sigmoid", "Sqrt",      "Relu", "Tanh"};
    return std::find(kOps.begin(), kOps.end(), node.op) != kOps.end();
}

// Up to opset 12 all axes from `axis` on were one; that is a softmax over the last axis only where
// it is the last.
bool softmax_to_last(Editor& editor, std::size_t index) {
    const Node& node = editor.node(index);
    const Shape* shape = node.inputs.empty() ? nullptr : editor.known_shape(node.inputs[0]);
    const auto& open = node.inputs.empty() ? std::nullopt : editor.value(node.inputs[0]).shape;
    const std::size_t rank = shape ? shape->rank() : open ? open->rank() : 0;
    if (rank == 0) return false;
    const auto axis = normalize_axis(node.int_or("axis", 1), rank);
    if (!axis.ok() || *axis + 1 != rank) return false;
    editor.node(index).attributes["axis"] = static_cast<std::int64_t>(*axis);
    return true;
}

// True when the node now means in opset 13 what it meant.
bool rewrite(Editor& editor, std::size_t index) {
    const Node& node = editor.node(index);
    if (node.opset >= kLeastQuantizedOpset) return true;
    if (node.op == "Softmax" || node.op == "LogSoftmax") return softmax_to_last(editor, index);
    if (node.op == "Clip" && node.opset >= 6) {
        if (node.opset < 11) bounds_to_inputs(editor, index);
        return true;
    }
    if (node.op == "Squeeze" || node.op == "Unsqueeze") {
        constants_to_inputs(editor, index, {"axes"});
        return true;
    }
    if (node.op == "Slice") {
        constants_to_inputs(editor, index, {"starts", "ends", "axes"});
        return true;
    }
    if (node.op == "Reshape" && node.opset < 5) {
        constants_to_inputs(editor, index, {"shape"});
        return true;
    }
    if (node.op == "Dropout") return dropout_without_mask(editor, index);
    if (node.opset < 6 && is_old_unary(node)) {
        editor.node(index).attributes.erase("consumed_inputs");
        return true;
    }
    return is_steady(node);
}

// What opset 14 and later changed of the nodes that passes write for opset 13: nothing in these.
bool is_steady_beyond(const Node& node) {
    static constexpr std::array<std::string_view, 9> kOps{
        "Add", "Conv", "Gemm", "MatMul", "Mul", "Relu", "Reshape", "Transpose", "Clip"};
    return std::find(kOps.begin(), kOps.end(), node.op) != kOps.end();
}

}  // namespace

Status raise_opset(graph::Graph& graph) {
    std::int64_t highest = kLeastQuantizedOpset;
    for (const Node& node : graph.nodes) {
        if (node.domain.empty()) highest = std::max(highest, node.opset);
    }
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        if (!node.domain.empty() || node.opset == highest) continue;
        const std::int64_t before = node.opset;
        const bool beyond = highest == kLeastQuantizedOpset || is_steady_beyond(node);
        if (has_body(node) || !beyond || !rewrite(editor, i)) {
            return unimplemented(
                "{} is of opset {} and has another meaning in opset {}, which the quantised model "
                "needs; export the model for opset {} or later",
                node.describe(), before, highest, kLeastQuantizedOpset);
        }
        editor.node(i).opset = highest;
    }
    editor.finish();
    return {};
}

}  // namespace hf::passes
