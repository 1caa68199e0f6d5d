// fuse-gemm: a MatMul of two matrices and the Add behind it become one Gemm, where the added value
// broadcasts to the product and does not stretch it.

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::Node;
using graph::ValueId;

bool is_matrix_product(const Editor& editor, const Node& node) {
    if (!is_onnx(node, "MatMul") || node.inputs.size() != 2 || node.outputs.size() != 1 ||
        node.outputs[0] == kNoValue) {
        return false;
    }
    for (ValueId id : node.inputs) {
        if (id == kNoValue) return false;
        const auto& shape = editor.value(id).shape;
        if (!shape || shape->rank() != 2 || !editor.is(id, DType::kF32)) return false;
    }
    return true;
}

// Whether adding `bias` leaves the product's shape as it is. REQUIRES: the product is a matrix.
bool fits_product(const Editor& editor, ValueId bias, const Shape& product) {
    const auto& shape = editor.value(bias).shape;
    if (!shape || shape->rank() > 2 || !shape->is_known() || !editor.is(bias, DType::kF32)) {
        return false;
    }
    for (std::size_t i = 0; i < shape->rank(); ++i) {
        const std::int64_t extent = (*shape)[shape->rank() - 1 - i];
        if (extent != 1 && extent != product[1 - i]) return false;
    }
    return true;
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        const Node& product = editor.node(i);
        if (!is_matrix_product(editor, product)) continue;
        const ValueId output = product.outputs[0];
        const auto& shape = editor.value(output).shape;
        if (!editor.has_one_taker(output) || !shape) continue;
        const std::size_t taker = editor.takers(output)[0];
        const Node& add = editor.node(taker);
        if (!is_onnx(add, "Add") || !is_binary_elementwise(add)) continue;
        const ValueId bias = add.inputs[add.inputs[0] == output ? 1 : 0];
        if (bias == output || !fits_product(editor, bias, *shape)) continue;
        constexpr std::int64_t kOpset = 13;
        Node gemm{product.name, "", "Gemm", kOpset, {product.inputs[0], product.inputs[1], bias},
                  add.outputs,  {}};
        editor.erase(i);
        editor.erase(taker);
        editor.insert_after(taker, std::move(gemm));
    }
    return editor.finish();
}

}  // namespace

Pass fuse_gemm_pass() {
    return {"fuse-gemm", "a matrix product and the sum behind it become one", run};
}

}  // namespace hf::passes
