#include "runtime/split/partition.h"

#include <algorithm>
#include <map>

namespace hf::runtime {
namespace {

constexpr std::size_t kNobody = SIZE_MAX;

// Node by value; kNobody for inputs and constants.
std::vector<std::size_t> producers_of(const graph::Graph& graph) {
    std::vector<std::size_t> producers(graph.values.size(), kNobody);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        for (graph::ValueId id : graph.nodes[i].outputs) {
            if (id != graph::kNoValue) producers[id.value()] = i;
        }
    }
    return producers;
}

void add_captures(const graph::Graph& graph, const graph::Node& node,
                  std::vector<graph::ValueId>& ids) {
    for (const auto& [name, attribute] : node.attributes) {
        const auto* body = std::get_if<graph::SubgraphPtr>(&attribute);
        if (!body) continue;
        for (graph::ValueId id : (*body)->captures) {
            if (const auto outer = graph.find_value((*body)->value(id).name)) ids.push_back(*outer);
        }
        for (const graph::Node& inner : (*body)->nodes) add_captures(graph, inner, ids);
    }
}

using Stage = std::map<std::size_t, Part>;  // by owner

// Within a stage any order will do: it begins with the owner that ran last, whose parts then join.
std::vector<Part> in_order(std::map<std::size_t, Stage> stages) {
    std::vector<Part> ordered;
    const auto append = [&](Part part) {
        if (ordered.empty() || ordered.back().owner != part.owner) {
            ordered.push_back(std::move(part));
            return;
        }
        std::vector<std::size_t>& nodes = ordered.back().nodes;
        nodes.insert(nodes.end(), part.nodes.begin(), part.nodes.end());
        std::sort(nodes.begin(), nodes.end());
    };
    for (auto& [number, stage] : stages) {
        const auto again = ordered.empty() ? stage.end() : stage.find(ordered.back().owner);
        if (again != stage.end()) {
            append(std::move(again->second));
            stage.erase(again);
        }
        for (auto& [owner, part] : stage) append(std::move(part));
    }
    return ordered;
}

}  // namespace

std::vector<graph::ValueId> values_read(const graph::Graph& graph, const graph::Node& node) {
    std::vector<graph::ValueId> ids;
    for (graph::ValueId id : node.inputs) {
        if (id != graph::kNoValue) ids.push_back(id);
    }
    add_captures(graph, node, ids);
    return ids;
}

// A node's stage is the number of times that the longest path to it changes its owner: nodes of one
// stage and owner need nothing from each other through others.
std::vector<Part> partition(const graph::Graph& graph, std::span<const std::size_t> owners) {
    HF_CHECK(owners.size() == graph.nodes.size(), "{} owners", owners.size());
    const std::vector<std::size_t> producers = producers_of(graph);
    std::vector<std::size_t> stages(graph.nodes.size(), 0);
    std::map<std::size_t, Stage> parts;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        for (graph::ValueId id : values_read(graph, graph.nodes[i])) {
            const std::size_t from = producers[id.value()];
            if (from >= i) continue;  // an input or constant, or an inner value's namesake
            stages[i] = std::max(stages[i], stages[from] + (owners[from] != owners[i]));
        }
        Part& part = parts[stages[i]][owners[i]];
        part.owner = owners[i];
        part.nodes.push_back(i);
    }
    return in_order(std::move(parts));
}

std::vector<std::size_t> count_reads(const graph::Graph& graph) {
    std::vector<std::size_t> reads(graph.values.size(), 0);
    for (const graph::Node& node : graph.nodes) {
        for (graph::ValueId id : values_read(graph, node)) ++reads[id.value()];
    }
    for (graph::ValueId id : graph.outputs) ++reads[id.value()];
    return reads;
}

PartGraph extract(const graph::Graph& graph, const Part& part, std::span<const std::size_t> reads) {
    std::map<graph::ValueId, std::size_t> inside;  // reads by the part itself
    for (std::size_t index : part.nodes) {
        for (graph::ValueId id : values_read(graph, graph.nodes[index])) ++inside[id];
    }
    PartGraph made;
    made.graph.name = graph.name;
    made.graph.metadata = graph.metadata;
    std::map<graph::ValueId, graph::ValueId> ids;  // outer to inner
    const auto bring = [&](graph::ValueId outer) {
        const auto [place, added] = ids.try_emplace(outer);
        if (added) {
            place->second = graph::ValueId(static_cast<std::uint32_t>(made.graph.values.size()));
            made.graph.values.push_back(graph.value(outer));
        }
        return place->second;
    };
    for (std::size_t index : part.nodes) {
        graph::Node node = graph.nodes[index];
        for (graph::ValueId id : values_read(graph, node)) {
            if (ids.contains(id)) continue;
            const graph::ValueId inner = bring(id);
            if (graph.value(id).constant) continue;
            made.graph.inputs.push_back(inner);
            made.inputs.push_back(id);
        }
        for (graph::ValueId& id : node.inputs) {
            if (id != graph::kNoValue) id = ids.at(id);
        }
        for (graph::ValueId& id : node.outputs) {
            if (id == graph::kNoValue) continue;
            const graph::ValueId outer = id;
            id = bring(outer);
            if (reads[outer.value()] == inside[outer]) continue;
            made.graph.outputs.push_back(id);
            made.outputs.push_back(outer);
        }
        made.graph.nodes.push_back(std::move(node));
    }
    return made;
}

}  // namespace hf::runtime
