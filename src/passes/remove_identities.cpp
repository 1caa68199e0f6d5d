// remove-identities: nodes that give back what they get. Identity, Dropout outside training, Cast
// to the type it has, Transpose that moves nothing, Reshape and its kin to the shape it has, Pad by
// nothing, Concat and Sum of one; and a Reshape of a Reshape takes the first one's input.

#include <algorithm>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

bool keeps_shape(const Editor& editor, const Node& node) {
    const Shape* from = editor.known_shape(node.inputs[0]);
    const Shape* to = editor.known_shape(node.outputs[0]);
    return from && to && *from == *to;
}

bool is_unturned(const Node& node) {
    const std::vector<std::int64_t> order = node.ints_or("perm", {});
    for (std::size_t i = 0; i < order.size(); ++i) {
        if (order[i] != static_cast<std::int64_t>(i)) return false;
    }
    return !order.empty();
}

bool is_one_of(const Node& node, std::initializer_list<std::string_view> ops) {
    return node.domain.empty() && std::find(ops.begin(), ops.end(), node.op) != ops.end();
}

bool drops_nothing(const Node& node) {
    const bool mask = node.outputs.size() > 1 && node.outputs[1] != kNoValue;
    const bool old_training = node.opset < 7 && node.int_or("is_test", 0) == 0;
    return !mask && !old_training && !is_random(node);
}

// Whether the first output is the first input, element by element.
bool is_identity(const Editor& editor, const Node& node) {
    if (node.inputs.empty() || node.inputs[0] == kNoValue || node.outputs.empty() ||
        node.outputs[0] == kNoValue) {
        return false;
    }
    if (is_onnx(node, "Identity")) return true;
    if (is_onnx(node, "Dropout")) return drops_nothing(node);
    if (is_onnx(node, "Transpose")) return is_unturned(node);
    if (is_one_of(node, {"Concat", "Sum", "Max", "Min", "Mean"})) return node.inputs.size() == 1;
    const graph::Value& from = editor.value(node.inputs[0]);
    if (is_onnx(node, "Cast")) {
        return from.dtype && from.dtype == editor.value(node.outputs[0]).dtype;
    }
    if (is_one_of(node, {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand"})) {
        return keeps_shape(editor, node);
    }
    if (is_one_of(node, {"Tile"})) {
        return node.opset >= 6 && keeps_shape(editor, node);
    }
    return false;
}

// The node's output gives way to its input, or the input to the output where that has the name to
// keep. False when both must stay.
bool bypass(Editor& editor, std::size_t index) {
    const ValueId from = editor.node(index).inputs[0];
    const ValueId to = editor.node(index).outputs[0];
    if (!editor.is_pinned(to)) {
        editor.erase(index);
        editor.redirect(to, from);
        return true;
    }
    const auto maker = editor.maker(from);
    if (!maker || editor.is_pinned(from) || editor.is_erased(*maker)) return false;
    // Earlier takers of `from` come after its maker too, so they may take `to` from there.
    editor.erase(index);
    editor.redirect(from, to);
    for (ValueId& output : editor.node(*maker).outputs) {
        if (output == from) output = to;
    }
    return true;
}

bool is_reshape(const Node& node) {
    return is_one_of(node, {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}) &&
           node.outputs.size() == 1 && !node.inputs.empty();
}

// Reshape(Reshape(x)) to a known shape is Reshape(x).
void shorten(Editor& editor, std::size_t index) {
    Node& node = editor.node(index);
    const Shape* shape = editor.known_shape(node.outputs[0]);
    const auto maker = editor.maker(node.inputs[0]);
    if (!shape || !maker || !is_reshape(editor.node(*maker))) return;
    const auto zero = [](std::int64_t extent) { return extent == 0; };
    if (std::any_of(shape->begin(), shape->end(), zero)) return;
    const std::vector<std::int64_t> extents = shape->extents();
    const ValueId target = editor.fresh_constant(
        node.name + "_shape",
        Tensor::of<std::int64_t>(DType::kI64, {static_cast<std::int64_t>(extents.size())},
                                 extents));
    editor.set_input(index, 0, editor.node(*maker).inputs[0]);
    for (std::size_t i = 2; i < node.inputs.size(); ++i) editor.set_input(index, i, kNoValue);
    editor.set_input(index, 1, target);
    Node& changed = editor.node(index);
    changed.op = "Reshape";
    changed.opset = 13;
    changed.attributes.clear();
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        if (is_identity(editor, editor.node(i)) && bypass(editor, i)) continue;
        if (is_reshape(editor.node(i)) && editor.node(i).outputs[0] != kNoValue) {
            shorten(editor, i);
        }
    }
    return editor.finish();
}

}  // namespace

Pass remove_identities_pass() {
    return {"remove-identities", "nodes that give back what they get", run};
}

}  // namespace hf::passes
