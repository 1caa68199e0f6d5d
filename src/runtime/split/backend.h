// Backend: something foreign that compiles parts of a graph, next to the devices of our own: a
// vendor's plug-in (plugin/), ONNX Runtime (onnxruntime/). A graph is split only where it refuses a
// node; the parts between run on our devices (split/compile.h).
//
// Back ends are opened by whoever may decide what code this process loads, and reach compile()
// through CompileOptions::offers: no name in a file or a resource loads one.
//
// Thread-safety: const functions of one back end are not called at the same time.

#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/model.h"

namespace hf::runtime {

// Why each node of a graph is not taken, in the graph's order; empty where it is.
using Refusals = std::vector<std::string>;

class Backend {
public:
    virtual ~Backend() = default;

    virtual std::string_view name() const = 0;

    // Whether it must know the type and shape of every value before it compiles. Extents of inputs
    // that are open become 1 then, as for the cpu device. Else compile() judges a part's ends.
    virtual bool needs_known_types() const = 0;

    // Whether it can be given nodes with bodies: If, Loop, Scan.
    virtual bool takes_bodies() const { return false; }

    // Asked of a whole graph. Nodes that cannot be offered are refused whatever it says.
    virtual Result<Refusals> refusals(const graph::Graph& graph) const = 0;

    // Asked of a part that compile() declined, to find the nodes at fault. None: the whole part is.
    virtual Result<Refusals> refusals_alone(const graph::Graph& part) const {
        return Refusals(part.nodes.size());
    }

    // A part of nodes that it takes; inputs and outputs in the part's order. UNIMPLEMENTED when it
    // declines after all; any other error is final.
    virtual Result<std::shared_ptr<const CompiledModel>> compile(graph::Graph part) const = 0;
};

// OK, or why the back end cannot be given the node: it is an operator of our own, has a body that
// the back end does not take or, where it needs types, touches a value that is no tensor of numbers
// of known shape.
Status can_be_offered(const graph::Graph& graph, const graph::Node& node, const Backend& backend);

}  // namespace hf::runtime
