// split-sums: a Sum of several is a chain of Adds, from left to right, which is how it is defined;
// Add is what later passes fuse with the layers around it.

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::Node;
using graph::ValueId;

bool is_sum(const Node& node) {
    return is_onnx(node, "Sum") && node.inputs.size() >= 2 && node.outputs.size() == 1 &&
           node.outputs[0] != graph::kNoValue;
}

void split(Editor& editor, std::size_t index) {
    const Node sum = editor.node(index);
    const std::optional<DType> dtype = editor.value(sum.outputs[0]).dtype;
    ValueId total = sum.inputs[0];
    for (std::size_t i = 1; i < sum.inputs.size(); ++i) {
        Node add;
        add.name = sum.name;
        add.op = "Add";
        add.opset = 14;
        const bool last = i + 1 == sum.inputs.size();
        const ValueId to =
            last ? sum.outputs[0] : editor.fresh(sum.name + "_part", dtype, std::nullopt);
        add.inputs = {total, sum.inputs[i]};
        add.outputs = {to};
        editor.insert_before(index, std::move(add));
        total = to;
    }
    editor.erase(index);
}

Result<bool> run(graph::Graph& graph, const PassContext&) {
    Editor editor(graph);
    for (std::size_t i = 0; i < editor.node_count(); ++i) {
        if (is_sum(editor.node(i))) split(editor, i);
    }
    return editor.finish();
}

}  // namespace

Pass split_sums_pass() {
    return {"split-sums", "a Sum of several as a chain of Adds", run};
}

}  // namespace hf::passes
