#include "graph/onnx/order.h"

#include <set>
#include <unordered_map>

namespace hf::graph::onnx {

namespace {

// What the bodies in a node's attributes take from around, bodies in bodies included.
void add_captures(const AttributeMap& attributes, std::vector<std::string>& names) {
    for (const auto& [key, attribute] : attributes) {
        const SubgraphPtr* body = std::get_if<SubgraphPtr>(&attribute);
        if (!body) continue;
        for (ValueId id : (*body)->captures) names.push_back((*body)->value(id).name);
        for (const Node& inner : (*body)->nodes) add_captures(inner.attributes, names);
    }
}

}  // namespace

std::vector<std::string> ParsedNode::needs() const {
    std::vector<std::string> names = inputs;
    add_captures(node.attributes, names);
    return names;
}

Result<std::vector<std::size_t>> execution_order(const std::vector<ParsedNode>& nodes) {
    std::unordered_map<std::string, std::size_t> producers;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (const std::string& output : nodes[i].outputs) producers.emplace(output, i);
    }
    std::vector<std::size_t> missing(nodes.size(), 0);
    std::vector<std::vector<std::size_t>> consumers(nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        for (const std::string& name : nodes[i].needs()) {
            const auto producer = producers.find(name);
            if (name.empty() || producer == producers.end()) continue;
            ++missing[i];
            consumers[producer->second].push_back(i);
        }
    }
    std::set<std::size_t> ready;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (missing[i] == 0) ready.insert(i);
    }
    std::vector<std::size_t> order;
    while (!ready.empty()) {
        const std::size_t next = *ready.begin();
        ready.erase(ready.begin());
        order.push_back(next);
        for (std::size_t consumer : consumers[next]) {
            if (--missing[consumer] == 0) ready.insert(consumer);
        }
    }
    for (std::size_t i = 0; i < nodes.size() && order.size() < nodes.size(); ++i) {
        if (missing[i] > 0) {
            return invalid_argument("{} depends on its own output", nodes[i].node.describe());
        }
    }
    return order;
}

}  // namespace hf::graph::onnx
