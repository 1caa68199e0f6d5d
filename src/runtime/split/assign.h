// Which back end takes which node of a graph, and why the others do not.

#pragma once

#include <string>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"

namespace hf::runtime {

struct Assignment {
    std::vector<std::size_t> owners;   // by node: an index of the offers, or their number: nobody
    std::vector<std::string> refused;  // by node: "example: it has no Conv; ..." of those asked

    // Takes the node from its owner.
    void refuse(std::size_t node, std::string_view owner_name, std::string_view why);
    std::size_t nobody = 0;
};

// INVALID_ARGUMENT for an offer of an operator that no node has.
Status check_operators(const graph::Graph& graph, const std::vector<Offer>& offers);

// Asks the offers in order. An error names the back end.
Result<Assignment> assign(const graph::Graph& graph, const std::vector<Offer>& offers);

}  // namespace hf::runtime
