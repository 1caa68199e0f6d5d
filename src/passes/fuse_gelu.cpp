// fuse-gelu: the nodes that exporters write for x * (1 + erf(x / sqrt(2))) / 2 become one hf.Gelu.
// The factors 1/2 and x may stand in any order: before the sum, behind it, or one on either side.

#include <cmath>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

bool is_scalar(const Editor& editor, ValueId id, float want) {
    const auto number = real_scalar(editor, id);
    return number && std::abs(*number - want) <= 1e-4f * want;
}

// The node that makes the value, when it is this elementwise operator of two inputs.
const Node* pair_of(const Editor& editor, ValueId id, std::string_view op) {
    const Node* node = maker_of(editor, id, op);
    return node && is_binary_elementwise(*node) ? node : nullptr;
}

// The other input of a node of two inputs; nullopt when neither is `id`.
std::optional<ValueId> other_input(const Node& node, ValueId id) {
    if (node.inputs[0] == id) return node.inputs[1];
    if (node.inputs[1] == id) return node.inputs[0];
    return std::nullopt;
}

// x of x / sqrt(2), or kNoValue.
ValueId halved_input(const Editor& editor, ValueId id) {
    const auto kRoot = std::sqrt(2.0f);
    if (const Node* divide = pair_of(editor, id, "Div")) {
        return is_scalar(editor, divide->inputs[1], kRoot) ? divide->inputs[0] : kNoValue;
    }
    const Node* multiply = pair_of(editor, id, "Mul");
    if (!multiply) return kNoValue;
    for (std::size_t i = 0; i < 2; ++i) {
        if (is_scalar(editor, multiply->inputs[i], 1 / kRoot)) return multiply->inputs[1 - i];
    }
    return kNoValue;
}

// The one node behind a value, when it is this operator.
std::optional<std::size_t> next(const Editor& editor, ValueId id, std::string_view op) {
    if (!editor.has_one_taker(id)) return std::nullopt;
    const std::size_t taker = editor.takers(id)[0];
    const Node& node = editor.node(taker);
    const bool fits = is_onnx(node, op) && is_binary_elementwise(node);
    return fits ? std::optional(taker) : std::nullopt;
}

bool is_half_of(const Editor& editor, ValueId id, ValueId x) {
    const Node* node = pair_of(editor, id, "Mul");
    const auto other = node ? other_input(*node, x) : std::nullopt;
    return other && is_scalar(editor, *other, 0.5f);
}

void fuse(Editor& editor, std::size_t erf) {
    const ValueId x = halved_input(editor, editor.node(erf).inputs[0]);
    const auto plus = next(editor, editor.node(erf).outputs[0], "Add");
    if (x == kNoValue || !plus || !editor.is(x, DType::kF32)) return;
    const auto one = other_input(editor.node(*plus), editor.node(erf).outputs[0]);
    if (!one || !is_scalar(editor, *one, 1)) return;
    ValueId value = editor.node(*plus).outputs[0];
    std::vector<std::size_t> gone{erf, *plus};
    bool needs_x = true, needs_half = true;
    while (needs_x || needs_half) {
        const auto product = next(editor, value, "Mul");
        if (!product) return;
        const ValueId factor = *other_input(editor.node(*product), value);
        if (needs_x && factor == x) {
            needs_x = false;
        } else if (needs_half && is_scalar(editor, factor, 0.5f)) {
            needs_half = false;
        } else if (needs_x && needs_half && is_half_of(editor, factor, x)) {
            needs_x = needs_half = false;
        } else {
            return;
        }
        gone.push_back(*product);
        value = editor.node(*product).outputs[0];
    }
    Node gelu{editor.node(gone.back()).name, "hf", "Gelu", 0, {x}, {value}, {}};
    for (const std::size_t index : gone) editor.erase(index);
    editor.insert_after(gone.back(), std::move(gelu));
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        if (!editor.is_erased(i) && is_onnx(node, "Erf") && node.inputs.size() == 1) {
            fuse(editor, i);
        }
    }
    return editor.finish();
}

}  // namespace

Pass fuse_gelu_pass() {
    return {"fuse-gelu", "x * (1 + erf(x / sqrt(2))) / 2 as one operator", run};
}

}  // namespace hf::passes
