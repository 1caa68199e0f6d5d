// Shape and type inference: fills dtype and shape of values where they follow from the inputs, and
// follows the contents of small tensors (shapes that are computed: Shape, Gather, Concat, ...), so
// that Reshape and its kin become known too; and the kinds of values, so that an operator over
// tensors that is given a sequence is refused here. What does not follow stays as it is. Operators
// that have no row in the table (infer/rows.h) give nothing.
//
// Pure. A contradiction between operator and declared type or shape, or within an operator's own
// inputs and attributes, is INVALID_ARGUMENT that names the node. Inference never says what the
// reference device would not produce; tests hold it to that.

#pragma once

#include <optional>
#include <utility>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"

namespace hf::graph {

struct InferOptions {
    // Shapes for graph inputs, by name, that make declared unknown extents known.
    std::vector<std::pair<std::string, Shape>> input_shapes;
};

// The elements of a small tensor, row-major, as far as they are known: NaN is an unknown one.
// Integers are exact up to 2^53; larger ones count as unknown.
using Content = std::vector<double>;
inline constexpr std::size_t kMaxContentElements = 256;

// What was learned about each value beside its type, by ValueId.
struct Contents {
    std::vector<std::optional<Content>> by_value;
};

// `contents` may be null.
Status infer_shapes(Graph& graph, const InferOptions& options = {}, Contents* contents = nullptr);

// Whether inference has a rule for the operator; a rule may still leave outputs unknown.
bool can_infer(const Node& node);

}  // namespace hf::graph
