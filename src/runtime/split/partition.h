// Which nodes run together: a graph whose nodes have owners becomes the fewest parts, each of one
// owner, that can run one after another. Two parallel branches of one owner are one part; an owner
// gets a second part only where a path leads out of the first, through another owner, and back.
//
// Pure.

#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graph/graph.h"

namespace hf::runtime {

struct Part {
    std::size_t owner = 0;
    std::vector<std::size_t> nodes;  // of the graph, ascending
};

// A part as a graph by itself, and what its ends are in the graph around it.
struct PartGraph {
    graph::Graph graph;
    std::vector<graph::ValueId> inputs;
    std::vector<graph::ValueId> outputs;
};

// Parts in an order in which they can run. `owners` has one entry a node.
std::vector<Part> partition(const graph::Graph& graph, std::span<const std::size_t> owners);

// Constants come along; values that others compute become inputs, those that others want outputs.
PartGraph extract(const graph::Graph& graph, const Part& part);

// What a node reads: its inputs, and what the bodies in its attributes capture. Without omitted
// ones.
std::vector<graph::ValueId> values_read(const graph::Graph& graph, const graph::Node& node);

}  // namespace hf::runtime
