// How the reference device computes one node: a table of functions from input tensors to output
// tensors. Obvious arithmetic, dynamic shapes, fresh outputs; the oracle against which everything
// faster is compared. An operator is one row of a table (see ops.cpp); its function lives in
// ops/<family>.cpp.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/tensor.h"

namespace hf::runtime::ref {

// Runs a subgraph (If, Loop, Scan bodies). Outer values are found by name in the enclosing scope.
class SubgraphRunner {
public:
    virtual ~SubgraphRunner() = default;
    virtual Result<std::vector<Tensor>> run(const graph::Graph& body,
                                            std::span<const Tensor> inputs) const = 0;
};

struct OpContext {
    const graph::Graph& graph;  // for the quantisation of values
    const graph::Node& node;
    std::span<const Tensor> inputs;  // as node.inputs; null tensors where omitted
    const SubgraphRunner& subgraphs;

    // The input, or nullptr when it was omitted or the node has fewer inputs.
    const Tensor* input(std::size_t index) const {
        return index < inputs.size() && !inputs[index].is_null() ? &inputs[index] : nullptr;
    }
};

// INVALID_ARGUMENT when the input is not there: "input 1 of Conv 'c1' (ai.onnx) is missing".
Result<Tensor> need_input(const OpContext& context, std::size_t index);

// Gives as many tensors as the node has outputs (null where not wanted), or an error. The caller
// adds the node's name. Must bound its work by the sizes of inputs and outputs, and check every
// shape and index.
using OpFunction = Result<std::vector<Tensor>> (*)(const OpContext& context);

struct OpRow {
    std::string_view domain;
    std::string_view op;
    OpFunction function;
};

// The row for an operator, or nullptr. The function itself branches on node.opset where versions
// differ.
const OpRow* find_op(std::string_view domain, std::string_view op);

// Every row, in the order of the tables: for coverage listings.
std::vector<OpRow> all_ops();

}  // namespace hf::runtime::ref
