// In which order the nodes of an ONNX graph run.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph::onnx {

// A NodeProto whose values are still names.
struct ParsedNode {
    Node node;
    std::string overload;  // which of several functions of its name it calls
    std::vector<std::string> inputs;
    std::vector<std::string> outputs;

    // What must be computed before: the inputs, and what subgraphs take from around them.
    std::vector<std::string> needs() const;
};

// Topological order as indices, the file's own where that is one already: some exporters write
// nodes out of order. INVALID_ARGUMENT names a node on a cycle.
Result<std::vector<std::size_t>> execution_order(const std::vector<ParsedNode>& nodes);

}  // namespace hf::graph::onnx
