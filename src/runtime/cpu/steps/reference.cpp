// "ref": one node by the reference device's own function, for operators without a vector kernel.
// The only step that takes memory from the heap, and the only one that may fail: the operator may
// refuse the data that it meets.

#include <cstring>

#include "runtime/cpu/steps/common.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/op.h"

namespace hf::runtime::cpu {
namespace {

class ReferenceStep final : public Step {
public:
    explicit ReferenceStep(const Operation& operation) : graph_(operation.reference) {
        for (const Operand& operand : operation.inputs) inputs_.push_back({Slot(operand), operand});
        for (const Operand& operand : operation.outputs) {
            outputs_.push_back({Slot(operand), operand});
        }
    }

    Status run(const Memory& memory) const override {
        std::vector<Tensor> inputs;
        for (const Bound& bound : inputs_) inputs.push_back(bound.tensor(memory));
        const graph::Node& node = graph_->nodes[0];
        const std::vector<Tensor> outputs = HF_TRY(ref::evaluate_node(*graph_, node, inputs));
        for (std::size_t i = 0; i < outputs_.size(); ++i) {
            HF_TRY(outputs_[i].store(outputs, i, memory).context("{}", node.describe()));
        }
        return {};
    }

private:
    struct Bound {
        Slot slot;
        Operand operand;

        Tensor tensor(const Memory& memory) const {
            if (!slot) return {};
            const ByteView bytes{slot.in<std::uint8_t>(memory),
                                 static_cast<std::size_t>(operand.size_bytes())};
            return Tensor::borrowed(operand.dtype, operand.shape, bytes, nullptr);
        }

        Status store(std::span<const Tensor> all, std::size_t index, const Memory& memory) const {
            if (!slot) return {};
            if (index >= all.size() || all[index].is_null() ||
                all[index].dtype() != operand.dtype || all[index].shape() != operand.shape) {
                return internal_error("output {} is not the planned {}[{}]", index,
                                      dtype_name(operand.dtype), operand.shape.to_string());
            }
            if (operand.size_bytes() == 0) return {};
            std::memcpy(slot.out<std::uint8_t>(memory), all[index].bytes().data(),
                        static_cast<std::size_t>(operand.size_bytes()));
            return {};
        }
    };

    std::shared_ptr<const graph::Graph> graph_;
    std::vector<Bound> inputs_, outputs_;
};

}  // namespace

namespace {

// Each operand is what the node's value says.
Status check_values(const graph::Graph& graph, const std::vector<graph::ValueId>& ids,
                    const std::vector<Operand>& operands) {
    if (ids.size() != operands.size()) {
        return invalid_argument("{} operands for {} values", operands.size(), ids.size());
    }
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const bool omitted = ids[i] == graph::kNoValue;
        if (omitted != (operands[i].place == Place::kNone)) {
            return invalid_argument("operand {} is omitted on one side", i);
        }
        if (omitted) continue;
        const graph::Value& value = graph.value(ids[i]);
        if (value.dtype != operands[i].dtype || value.shape != operands[i].shape) {
            return invalid_argument("operand {} is not '{}'", i, value.name);
        }
    }
    return {};
}

}  // namespace

Result<StepPtr> make_reference(const Operation& operation) {
    const OperationReader reader(operation);
    HF_TRY(reader.expect({operation.inputs.size(), operation.outputs.size(), 0, 0}));
    const graph::Graph* graph = operation.reference.get();
    if (!graph || graph->nodes.size() != 1) return invalid_argument("it has not one node");
    const graph::Node& node = graph->nodes[0];
    if (!ref::find_op(node.domain, node.op)) {
        return unimplemented("{}: the reference device lacks it", node.describe());
    }
    HF_TRY(check_values(*graph, node.inputs, operation.inputs).context("{}", node.describe()));
    HF_TRY(check_values(*graph, node.outputs, operation.outputs).context("{}", node.describe()));
    return std::make_unique<const ReferenceStep>(operation);
}

}  // namespace hf::runtime::cpu
