// How the reference device computes one node: a table of functions from input tensors to output
// tensors; for the few operators over sequences, optionals and bodies, from Datum to Datum. Obvious
// arithmetic, dynamic shapes, fresh outputs; the oracle against which everything faster is
// compared. An operator is one row of a table (see ops.cpp); its function lives in
// ops/<family>.cpp.

#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "tensor/datum.h"
#include "tensor/tensor.h"

namespace hf::runtime::ref {

struct OpContext {
    const graph::Graph& graph;  // for the quantisation of values
    const graph::Node& node;
    std::span<const Tensor> inputs;  // as node.inputs; null tensors where omitted

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

// Runs a body of If, Loop, Scan or SequenceMap. Outer values are found by name in the enclosing
// scope.
class SubgraphRunner {
public:
    virtual ~SubgraphRunner() = default;
    virtual Result<std::vector<Datum>> run(const graph::Graph& body,
                                           std::span<const Datum> inputs) const = 0;
};

struct DatumContext {
    const graph::Node& node;
    std::span<const Datum> inputs;  // as node.inputs; nothing where omitted
    const SubgraphRunner& subgraphs;

    // nullptr when the input is omitted or not that kind of thing.
    const Tensor* tensor(std::size_t index) const {
        return index < inputs.size() ? inputs[index].tensor() : nullptr;
    }
    const Sequence* sequence(std::size_t index) const {
        return index < inputs.size() ? inputs[index].sequence() : nullptr;
    }
};

// INVALID_ARGUMENT when the input is missing or of another kind: "input 0 is a tensor; want a
// sequence".
Result<Tensor> need_tensor(const DatumContext& context, std::size_t index);
Result<const Sequence*> need_sequence(const DatumContext& context, std::size_t index);

// Like OpFunction; what is nothing stands for an empty optional.
using DatumFunction = Result<std::vector<Datum>> (*)(const DatumContext& context);

struct OpRow {
    std::string_view domain;
    std::string_view op;
    OpFunction function = nullptr;  // one of the two
    DatumFunction datum_function = nullptr;
};

// The row for an operator, or nullptr. The function itself branches on node.opset where versions
// differ.
const OpRow* find_op(std::string_view domain, std::string_view op);

// Every row, in the order of the tables: for coverage listings.
std::vector<OpRow> all_ops();

}  // namespace hf::runtime::ref
