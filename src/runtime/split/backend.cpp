#include "runtime/split/backend.h"

#include "runtime/split/partition.h"

namespace hf::runtime {
namespace {

Status check_value(const graph::Value& value) {
    if (value.kind != graph::ValueKind::kTensor) {
        return unimplemented("'{}' is a sequence, map or optional", value.name);
    }
    if (!value.dtype) return unimplemented("the type of '{}' is not known", value.name);
    if (dtype_size(*value.dtype) == 0) return unimplemented("'{}' holds strings", value.name);
    if (!value.shape || !value.shape->is_known()) {
        return unimplemented("the shape of '{}' is not known before it runs", value.name);
    }
    return {};
}

}  // namespace

Status can_be_offered(const graph::Graph& graph, const graph::Node& node, const Backend& backend) {
    if (node.domain == "hf") return unimplemented("an operator of Holdfast's own");
    for (const auto& [name, attribute] : node.attributes) {
        if (std::holds_alternative<graph::SubgraphPtr>(attribute) && !backend.takes_bodies()) {
            return unimplemented("it has a subgraph, '{}'", name);
        }
    }
    if (!backend.needs_known_types()) return {};
    std::vector<graph::ValueId> touched = values_read(graph, node);
    for (graph::ValueId id : node.outputs) {
        if (id != graph::kNoValue) touched.push_back(id);
    }
    for (graph::ValueId id : touched) {
        HF_TRY(check_value(graph.value(id)));
    }
    return {};
}

}  // namespace hf::runtime
