#include "runtime/ref/ops/compose.h"

namespace hf::runtime::ref {

Outputs call(const OpContext& context, std::string_view op, std::vector<Tensor> inputs,
             graph::AttributeMap attributes) {
    const OpRow* row = find_op("", op);
    HF_CHECK(row, "{} is made of {}, which is not there", context.node.op, op);
    graph::Node node;
    node.name = context.node.name;
    node.op = op;
    node.opset = 17;
    node.attributes = std::move(attributes);
    return row->function({context.graph, node, inputs});
}

Result<Tensor> call_one(const OpContext& context, std::string_view op, std::vector<Tensor> inputs,
                        graph::AttributeMap attributes) {
    std::vector<Tensor> outputs =
        HF_TRY(call(context, op, std::move(inputs), std::move(attributes)));
    return std::move(outputs.at(0));
}

}  // namespace hf::runtime::ref
