// align-broadcasts: up to opset 6 the second operand of an arithmetic operator was placed in the
// first one's axes by attributes; it is given those axes, and the operator becomes that of opset 7,
// which broadcasts from the right.

#include <algorithm>
#include <array>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::Node;
using graph::ValueId;

bool is_old_arithmetic(const Node& node) {
    constexpr std::array<std::string_view, 5> kOperators{"Add", "Sub", "Mul", "Div", "Pow"};
    return node.domain.empty() && node.opset < 7 && node.inputs.size() == 2 &&
           node.inputs[0] != graph::kNoValue && node.inputs[1] != graph::kNoValue &&
           std::find(kOperators.begin(), kOperators.end(), node.op) != kOperators.end();
}

// How many axes of one follow the second operand's own; nullopt where that is not known or wrong.
std::optional<std::size_t> trailing_axes(const Editor& editor, const Node& node) {
    if (node.int_or("broadcast", 0) == 0) return 0;
    const Shape* a = editor.known_shape(node.inputs[0]);
    const Shape* b = editor.known_shape(node.inputs[1]);
    if (!a || !b || b->rank() > a->rank()) return std::nullopt;
    const auto free = static_cast<std::int64_t>(a->rank() - b->rank());
    std::int64_t axis = node.int_or("axis", free);
    if (axis < 0) axis += static_cast<std::int64_t>(a->rank());
    if (axis < 0 || axis > free) return std::nullopt;
    return static_cast<std::size_t>(free - axis);
}

// The operand under its longer shape.
ValueId with_axes(Editor& editor, std::size_t index, std::size_t count) {
    const ValueId from = editor.node(index).inputs[1];
    std::vector<std::int64_t> extents = editor.known_shape(from)->extents();
    extents.insert(extents.end(), count, 1);
    const std::string stem = editor.value(from).name + "_aligned";
    if (const Tensor* constant = editor.constant(from)) {
        return editor.fresh_constant(stem, constant->reshaped(Shape(extents)));
    }
    const auto rank = static_cast<std::int64_t>(extents.size());
    Node reshape;
    reshape.name = stem;
    reshape.op = "Reshape";
    reshape.opset = 13;
    const ValueId target = editor.fresh_constant(
        stem + "_shape", Tensor::of<std::int64_t>(DType::kI64, {rank}, extents));
    const ValueId to = editor.fresh(stem, editor.value(from).dtype, Shape(extents));
    reshape.inputs = {from, target};
    reshape.outputs = {to};
    editor.insert_before(index, std::move(reshape));
    return to;
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        if (!is_old_arithmetic(editor.node(i))) continue;
        const std::optional<std::size_t> axes = trailing_axes(editor, editor.node(i));
        if (!axes) continue;
        editor.set_input(i, 1, *axes > 0 ? with_axes(editor, i, *axes) : editor.node(i).inputs[1]);
        Node& node = editor.node(i);
        node.opset = 7;
        node.attributes.clear();
    }
    return editor.finish();
}

}  // namespace

Pass align_broadcasts_pass() {
    return {"align-broadcasts", "arithmetic of before opset 7 as that of opset 7", run};
}

}  // namespace hf::passes
