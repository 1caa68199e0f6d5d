#include "passes/editor.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/check.h"

namespace hf::passes {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::Value;
using graph::ValueId;

namespace {

void add_captures(const Node& node, std::set<std::string>& names) {
    for (const auto& [key, attribute] : node.attributes) {
        const auto* body = std::get_if<graph::SubgraphPtr>(&attribute);
        if (!body) continue;
        for (ValueId id : (*body)->captures) names.insert((*body)->value(id).name);
        for (const Node& inner : (*body)->nodes) add_captures(inner, names);
    }
}

}  // namespace

std::vector<bool> captured_values(const Graph& graph) {
    std::set<std::string> names;
    for (const Node& node : graph.nodes) add_captures(node, names);
    std::vector<bool> captured(graph.values.size(), false);
    for (std::size_t i = 0; !names.empty() && i < graph.values.size(); ++i) {
        captured[i] = names.contains(graph.values[i].name);
    }
    return captured;
}

bool compact(Graph& graph) {
    std::vector<bool> kept = captured_values(graph);
    const auto keep = [&](ValueId id) {
        if (id != kNoValue) kept[id.value()] = true;
    };
    for (ValueId id : graph.inputs) keep(id);
    for (ValueId id : graph.captures) keep(id);
    for (ValueId id : graph.outputs) keep(id);
    for (const Node& node : graph.nodes) {
        for (ValueId id : node.inputs) keep(id);
        for (ValueId id : node.outputs) keep(id);
    }
    if (std::find(kept.begin(), kept.end(), false) == kept.end()) return false;
    std::vector<ValueId> renumbered(graph.values.size(), kNoValue);
    std::vector<Value> values;
    for (std::size_t i = 0; i < graph.values.size(); ++i) {
        if (!kept[i]) continue;
        renumbered[i] = ValueId(static_cast<std::uint32_t>(values.size()));
        values.push_back(std::move(graph.values[i]));
    }
    graph.values = std::move(values);
    const auto renumber = [&](std::vector<ValueId>& ids) {
        for (ValueId& id : ids) id = id == kNoValue ? kNoValue : renumbered[id.value()];
    };
    renumber(graph.inputs);
    renumber(graph.captures);
    renumber(graph.outputs);
    for (Node& node : graph.nodes) {
        renumber(node.inputs);
        renumber(node.outputs);
    }
    return true;
}

ValueId fresh_value(Graph& graph, const std::string& stem, std::optional<DType> dtype,
                    std::optional<Shape> shape) {
    const std::string base = stem.substr(0, stem.find('~'));
    Value value;
    std::size_t number = graph.values.size();
    do {
        value.name = fmt::format("{}~{}", base, number++);
    } while (graph.find_value(value.name));
    value.dtype = dtype;
    value.shape = std::move(shape);
    return graph.add_value(std::move(value));
}

Editor::Editor(Graph& graph) : graph_(graph) {
    node_count_ = graph.nodes.size();
    makers_.resize(graph.values.size());
    takers_.resize(graph.values.size());
    pinned_ = captured_values(graph);
    erased_.assign(graph.nodes.size(), false);
    before_.resize(graph.nodes.size());
    after_.resize(graph.nodes.size());
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
        for (ValueId id : graph.nodes[i].inputs) {
            if (id != kNoValue) takers_[id.value()].push_back(i);
        }
        for (ValueId id : graph.nodes[i].outputs) {
            if (id != kNoValue) makers_[id.value()] = i;
        }
    }
    for (ValueId id : graph.outputs) pinned_[id.value()] = true;
}

std::optional<std::size_t> Editor::maker(ValueId id) const {
    return id == kNoValue ? std::nullopt : makers_[id.value()];
}

const std::vector<std::size_t>& Editor::takers(ValueId id) const {
    return takers_[id.value()];
}

bool Editor::is_pinned(ValueId id) const {
    return pinned_[id.value()];
}

bool Editor::has_one_taker(ValueId id) const {
    return !is_pinned(id) && takers(id).size() == 1 && takers(id)[0] != kInserted;
}

const Tensor* Editor::constant(ValueId id) const {
    if (id == kNoValue || !graph_.value(id).constant) return nullptr;
    return &*graph_.value(id).constant;
}

const Shape* Editor::known_shape(ValueId id) const {
    if (id == kNoValue || graph_.value(id).kind != graph::ValueKind::kTensor) return nullptr;
    const std::optional<Shape>& shape = graph_.value(id).shape;
    return shape && shape->is_known() ? &*shape : nullptr;
}

bool Editor::is(ValueId id, DType dtype) const {
    if (id == kNoValue || graph_.value(id).kind != graph::ValueKind::kTensor) return false;
    return graph_.value(id).dtype == dtype;
}

void Editor::erase(std::size_t index) {
    HF_CHECK(!erased_[index], "node {} is erased twice", index);
    erased_[index] = true;
    changed_ = true;
    for (ValueId id : graph_.nodes[index].inputs) {
        if (id == kNoValue) continue;
        std::vector<std::size_t>& takers = takers_[id.value()];
        takers.erase(std::find(takers.begin(), takers.end(), index));
    }
    for (ValueId id : graph_.nodes[index].outputs) {
        if (id != kNoValue && makers_[id.value()] == index) makers_[id.value()].reset();
    }
}

void Editor::insert_before(std::size_t index, Node node) {
    add_inserted(before_[index], std::move(node));
}

void Editor::insert_after(std::size_t index, Node node) {
    add_inserted(after_[index], std::move(node));
}

void Editor::add_inserted(std::vector<Node>& place, Node node) {
    for (ValueId id : node.inputs) {
        if (id != kNoValue) takers_[id.value()].push_back(kInserted);
    }
    place.push_back(std::move(node));
    changed_ = true;
}

void Editor::set_input(std::size_t index, std::size_t place, ValueId to) {
    std::vector<ValueId>& inputs = graph_.nodes[index].inputs;
    if (place >= inputs.size()) inputs.resize(place + 1, kNoValue);
    const ValueId from = std::exchange(inputs[place], to);
    if (from != kNoValue) {
        std::vector<std::size_t>& takers = takers_[from.value()];
        takers.erase(std::find(takers.begin(), takers.end(), index));
    }
    if (to != kNoValue) takers_[to.value()].push_back(index);
    changed_ = true;
}

void Editor::redirect(ValueId from, ValueId to) {
    const std::vector<std::size_t> takers = takers_[from.value()];
    for (std::size_t index : takers) {
        HF_CHECK(index != kInserted, "value {} is taken by a node that was just inserted",
                 from.value());
        std::vector<ValueId>& inputs = graph_.nodes[index].inputs;
        const auto found = std::find(inputs.begin(), inputs.end(), from);
        set_input(index, static_cast<std::size_t>(found - inputs.begin()), to);
    }
}

ValueId Editor::fresh(const std::string& stem, std::optional<DType> dtype,
                      std::optional<Shape> shape) {
    makers_.emplace_back();
    takers_.emplace_back();
    pinned_.push_back(false);
    return fresh_value(graph_, stem, dtype, std::move(shape));
}

ValueId Editor::fresh_constant(const std::string& stem, Tensor tensor) {
    const ValueId id = fresh(stem, tensor.dtype(), tensor.shape());
    graph_.value(id).constant = std::move(tensor);
    return id;
}

bool Editor::finish() {
    if (!changed_) return false;
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < node_count_; ++i) {
        for (Node& node : before_[i]) nodes.push_back(std::move(node));
        if (!erased_[i]) nodes.push_back(std::move(graph_.nodes[i]));
        for (Node& node : after_[i]) nodes.push_back(std::move(node));
    }
    graph_.nodes = std::move(nodes);
    compact(graph_);
    return true;
}

}  // namespace hf::passes
