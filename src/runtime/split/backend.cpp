#include "runtime/split/backend.h"

namespace hf::runtime {
namespace {

Status check_value(const graph::Value& value, bool known_shape) {
    if (value.kind != graph::ValueKind::kTensor) {
        return unimplemented("'{}' is a sequence, map or optional", value.name);
    }
    if (!value.dtype) return unimplemented("the type of '{}' is not known", value.name);
    if (dtype_size(*value.dtype) == 0) return unimplemented("'{}' holds strings", value.name);
    if (!value.shape) return unimplemented("the rank of '{}' is not known", value.name);
    if (known_shape && !value.shape->is_known()) {
        return unimplemented("the shape of '{}' is not known before it runs", value.name);
    }
    return {};
}

}  // namespace

Status can_be_offered(const graph::Graph& graph, const graph::Node& node, bool known_shapes) {
    for (const auto& [name, attribute] : node.attributes) {
        if (std::holds_alternative<graph::SubgraphPtr>(attribute)) {
            return unimplemented("it has a subgraph, '{}'", name);
        }
    }
    if (node.domain == "hf") return unimplemented("an operator of Holdfast's own");
    for (const auto* ids : {&node.inputs, &node.outputs}) {
        for (graph::ValueId id : *ids) {
            if (id != graph::kNoValue) HF_TRY(check_value(graph.value(id), known_shapes));
        }
    }
    return {};
}

}  // namespace hf::runtime
