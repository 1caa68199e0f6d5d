// Which nodes run together: a graph whose nodes have owners becomes few parts, each of one owner,
// that can run one after another. Parallel branches of one owner are one part; what cuts is a path
// that leads out of an owner's nodes and back.
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

// How often each value is read, by nodes and as an output of the graph.
std::vector<std::size_t> count_reads(const graph::Graph& graph);

// Constants come along; values that others compute become inputs, those that others want outputs.
// REQUIRES: `reads` is count_reads(graph).
PartGraph extract(const graph::Graph& graph, const Part& part, std::span<const std::size_t> reads);

// What a node reads: its inputs, and what the bodies in its attributes capture. Without omitted
// ones.
std::vector<graph::ValueId> values_read(const graph::Graph& graph, const graph::Node& node);

}  // namespace hf::runtime
