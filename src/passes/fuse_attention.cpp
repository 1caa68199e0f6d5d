// fuse-attention: the two products of scaled dot-product attention, what lies between them, and the
// transpositions that bring heads to the front and back, become one hf.Attention, which reads heads
// where they are. Wants known shapes, a softmax over the last axis, and a scale that is constant.

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;
using Order = std::vector<std::int64_t>;

// What has been found so far, from the softmax outwards.
struct Found {
    std::vector<std::size_t> nodes;  // to erase; the last is where the new one goes
    ValueId query = kNoValue, key = kNoValue, value = kNoValue, mask = kNoValue, out = kNoValue;
    float scale = 1;
};

// The value before Transposes that together have this order; kNoValue when there are none such.
ValueId untransposed(const Editor& editor, ValueId id, const Order& order) {
    const Node* node = maker_of(editor, id, "Transpose");
    if (!node) return kNoValue;
    const Order outer = node->ints_or("perm", {});
    if (outer == order) return node->inputs[0];
    const Node* before = maker_of(editor, node->inputs[0], "Transpose");
    if (!before) return kNoValue;
    const Order inner = before->ints_or("perm", {});
    if (outer.size() != 4 || inner.size() != 4) return kNoValue;
    Order both;
    for (const std::int64_t i : outer) both.push_back(inner[static_cast<std::size_t>(i)]);
    return both == order ? before->inputs[0] : kNoValue;
}

// Takes one step from the scores towards their product: the mask or the scale. False at neither.
bool step_back(const Editor& editor, ValueId& id, Found& found) {
    const auto maker = editor.maker(id);
    if (!maker || editor.is_erased(*maker) || !editor.has_one_taker(id)) return false;
    const Node& node = editor.node(*maker);
    if (!is_binary_elementwise(node)) return false;
    const Shape* shape = editor.known_shape(node.inputs[0]);
    const bool first = shape && editor.known_shape(id) && *shape == *editor.known_shape(id);
    const ValueId inside = node.inputs[first ? 0 : 1], other = node.inputs[first ? 1 : 0];
    if (is_onnx(node, "Add") && found.mask == kNoValue && found.scale == 1) {
        found.mask = other;
    } else if (const auto factor = real_scalar(editor, other);
               factor && *factor > 0 && (is_onnx(node, "Mul") || (is_onnx(node, "Div") && first))) {
        found.scale *= is_onnx(node, "Mul") ? *factor : 1 / *factor;
    } else {
        return false;
    }
    found.nodes.push_back(*maker);
    id = inside;
    return true;
}

bool find_scores(const Editor& editor, ValueId id, Found& found) {
    while (step_back(editor, id, found)) {
    }
    const Node* product = maker_of(editor, id, "MatMul");
    if (!product || !editor.has_one_taker(id)) return false;
    found.nodes.push_back(*editor.maker(id));
    found.query = untransposed(editor, product->inputs[0], {0, 2, 1, 3});
    found.key = untransposed(editor, product->inputs[1], {0, 2, 3, 1});
    return found.query != kNoValue && found.key != kNoValue;
}

bool find_result(const Editor& editor, ValueId weights, Found& found) {
    if (!editor.has_one_taker(weights)) return false;
    const std::size_t product = editor.takers(weights)[0];
    const Node& node = editor.node(product);
    if (!is_onnx(node, "MatMul") || node.inputs[0] != weights) return false;
    found.value = untransposed(editor, node.inputs[1], {0, 2, 1, 3});
    if (found.value == kNoValue || !editor.has_one_taker(node.outputs[0])) return false;
    const std::size_t back = editor.takers(node.outputs[0])[0];
    const Node& transpose = editor.node(back);
    if (!is_onnx(transpose, "Transpose") || transpose.ints_or("perm", {}) != Order{0, 2, 1, 3}) {
        return false;
    }
    found.nodes.push_back(product);
    found.nodes.push_back(back);
    found.out = transpose.outputs[0];
    return true;
}

bool shapes_fit(const Editor& editor, const Found& found) {
    const Shape* q = editor.known_shape(found.query);
    const Shape* k = editor.known_shape(found.key);
    const Shape* v = editor.known_shape(found.value);
    if (!q || !k || !v || q->rank() != 4 || k->rank() != 4 || *k != *v || (*q)[0] != (*k)[0] ||
        (*q)[2] != (*k)[2] || (*q)[3] != (*k)[3] || q->elements() == 0 || k->elements() == 0) {
        return false;
    }
    for (const ValueId id : {found.query, found.key, found.value}) {
        if (!editor.is(id, DType::kF32)) return false;
    }
    if (found.mask == kNoValue) return true;
    const Shape* mask = editor.known_shape(found.mask);
    if (!mask || mask->rank() != 4 || !editor.is(found.mask, DType::kF32)) return false;
    const Order full{(*q)[0], (*q)[2], (*q)[1], (*k)[1]};
    for (std::size_t i = 0; i < 4; ++i) {
        if ((*mask)[i] != full[i] && (i == 3 || (*mask)[i] != 1)) return false;
    }
    return true;
}

void fuse(Editor& editor, std::size_t index) {
    const Node& softmax = editor.node(index);
    const Shape* scores = editor.known_shape(softmax.inputs[0]);
    const std::int64_t axis = softmax.int_or("axis", softmax.opset < 13 ? 1 : -1);
    if (!scores || scores->rank() != 4 || (axis != -1 && axis != 3)) return;
    Found found;
    found.nodes.push_back(index);
    if (!find_scores(editor, softmax.inputs[0], found) ||
        !find_result(editor, softmax.outputs[0], found) || !shapes_fit(editor, found)) {
        return;
    }
    Node attention{softmax.name, "hf", "Attention", 0, {found.query, found.key, found.value},
                   {found.out},  {}};
    if (found.mask != kNoValue) attention.inputs.push_back(found.mask);
    attention.attributes["scale"] = found.scale;
    for (const std::size_t node : found.nodes) editor.erase(node);
    editor.insert_after(found.nodes.back(), std::move(attention));
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& node = editor.node(i);
        if (!editor.is_erased(i) && is_onnx(node, "Softmax") && node.inputs.size() == 1 &&
            node.outputs.size() == 1 && node.outputs[0] != kNoValue) {
            fuse(editor, i);
        }
    }
    return editor.finish();
}

}  // namespace

Pass fuse_attention_pass() {
    return {"fuse-attention", "scaled dot-product attention as one operator", run};
}

}  // namespace hf::passes
