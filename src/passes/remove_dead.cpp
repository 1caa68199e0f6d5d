// remove-dead: nodes whose outputs nothing wants, and constants that nothing takes. Every operator
// is without side effects, so that what is not wanted need not run.

#include <algorithm>

#include "passes/editor.h"
#include "passes/pass.h"

namespace hf::passes {
namespace {

using graph::kNoValue;
using graph::ValueId;

Result<bool> run(graph::Graph& graph, const PassContext&) {
    std::vector<bool> wanted = captured_values(graph);
    for (ValueId id : graph.outputs) wanted[id.value()] = true;
    std::vector<graph::Node> kept;
    // Backwards: who takes a value comes after who makes it.
    for (std::size_t i = graph.nodes.size(); i-- > 0;) {
        graph::Node& node = graph.nodes[i];
        const bool is_wanted =
            std::any_of(node.outputs.begin(), node.outputs.end(),
                        [&](ValueId id) { return id != kNoValue && wanted[id.value()]; });
        if (!is_wanted) continue;
        for (ValueId id : node.inputs) {
            if (id != kNoValue) wanted[id.value()] = true;
        }
        kept.push_back(std::move(node));
    }
    const bool removed = kept.size() != graph.nodes.size();
    std::reverse(kept.begin(), kept.end());
    graph.nodes = std::move(kept);
    return compact(graph) || removed;
}

}  // namespace

Pass remove_dead_pass() {
    return {"remove-dead", "nodes and constants that nothing wants", run};
}

}  // namespace hf::passes
