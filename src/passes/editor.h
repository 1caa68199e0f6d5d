// Editing a graph while reading it: who makes and who takes each value, and changes that are
// collected and applied at once, so that node indices stay what they are while a pass looks around.
//
// A pass changes nodes in place, erases some, inserts others in front of or behind existing ones,
// and calls finish(), which orders nothing anew: what is inserted must fit where it is put. Values
// that are left without a definition, and constants that nothing takes, are dropped there.
//
// Not thread-safe; one graph, one editor.

#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace hf::passes {

class Editor final {
public:
    explicit Editor(graph::Graph& graph);

    graph::Graph& graph() { return graph_; }
    graph::Node& node(std::size_t index) { return graph_.nodes[index]; }
    const graph::Node& node(std::size_t index) const { return graph_.nodes[index]; }
    std::size_t node_count() const { return node_count_; }
    bool is_erased(std::size_t index) const { return erased_[index]; }

    // The node that makes the value; nullopt for inputs, captures, constants, and values of nodes
    // that this editor inserted.
    std::optional<std::size_t> maker(graph::ValueId id) const;

    // Nodes that take the value, once for each time; kInserted for one that this editor inserted.
    static constexpr std::size_t kInserted = static_cast<std::size_t>(-1);
    const std::vector<std::size_t>& takers(graph::ValueId id) const;

    // Whether the value must stay under its name: a graph output, or captured by a body.
    bool is_pinned(graph::ValueId id) const;

    // Whether exactly one node takes the value, once, which is not an inserted one, and nothing
    // else wants it.
    bool has_one_taker(graph::ValueId id) const;

    const Tensor* constant(graph::ValueId id) const;
    const graph::Value& value(graph::ValueId id) const { return graph_.value(id); }
    const Shape* known_shape(graph::ValueId id) const;  // nullptr unless a tensor of known extents
    bool is(graph::ValueId id, DType dtype) const;

    void erase(std::size_t index);
    void insert_before(std::size_t index, graph::Node node);
    void insert_after(std::size_t index, graph::Node node);

    // Every node that takes `from` takes `to` instead. REQUIRES: `to` is defined before them all,
    // and no inserted node takes `from`.
    void redirect(graph::ValueId from, graph::ValueId to);

    void set_input(std::size_t index, std::size_t place, graph::ValueId to);

    // A new value under a fresh name that starts with `stem`. Moves graph().values: pointers from
    // value(), known_shape() and constant() are stale after it.
    graph::ValueId fresh(const std::string& stem, std::optional<DType> dtype,
                         std::optional<Shape> shape);
    graph::ValueId fresh_constant(const std::string& stem, Tensor tensor);

    // Applies the changes; true when there were any.
    bool finish();

private:
    void add_inserted(std::vector<graph::Node>& place, graph::Node node);

    graph::Graph& graph_;
    std::size_t node_count_ = 0;  // without inserted ones
    std::vector<std::optional<std::size_t>> makers_;
    std::vector<std::vector<std::size_t>> takers_;
    std::vector<bool> pinned_, erased_;
    std::vector<std::vector<graph::Node>> before_, after_;
    bool changed_ = false;
};

// A new value under a fresh name that starts with `stem`.
graph::ValueId fresh_value(graph::Graph& graph, const std::string& stem, std::optional<DType> dtype,
                           std::optional<Shape> shape);

// Drops values that no node, input or capture defines, and constants that nothing takes; numbers
// the rest anew. True when something was dropped.
bool compact(graph::Graph& graph);

// Marks the values of `graph` that bodies of its nodes capture by name.
std::vector<bool> captured_values(const graph::Graph& graph);

}  // namespace hf::passes
