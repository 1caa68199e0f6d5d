#include "cli/guard_layer.h"

#include <algorithm>
#include <optional>

namespace hf::cli {
namespace {

const graph::Node* maker_of(const graph::Graph& graph, graph::ValueId value) {
    for (const graph::Node& node : graph.nodes) {
        const auto& outputs = node.outputs;
        if (std::find(outputs.begin(), outputs.end(), value) != outputs.end()) return &node;
    }
    return nullptr;
}

constexpr int kStepsMax = 32;
constexpr int kConstantSteps = 3;

// Whether it is made of constants alone, as reshaped weights are.
bool is_constant(const graph::Graph& graph, graph::ValueId value, int steps = kConstantSteps) {
    if (value == graph::kNoValue || graph.value(value).constant) return true;
    const graph::Node* const node = steps > 0 ? maker_of(graph, value) : nullptr;
    return node && std::all_of(node->inputs.begin(), node->inputs.end(), [&](graph::ValueId input) {
               return is_constant(graph, input, steps - 1);
           });
}

// The only input that is no constant.
std::optional<graph::ValueId> data_of(const graph::Graph& graph, const graph::Node& node) {
    std::optional<graph::ValueId> data;
    for (const graph::ValueId input : node.inputs) {
        if (is_constant(graph, input)) continue;
        if (data) return std::nullopt;
        data = input;
    }
    return data;
}

bool is_product(const graph::Node& node) {
    return node.op == "MatMul" || node.op == "Gemm" || node.op == "FULLY_CONNECTED";
}

}  // namespace

std::string layer_before_last_product(const graph::Graph& graph, const std::string& output) {
    if (graph.outputs.empty()) return "";
    graph::ValueId at = graph.outputs.front();
    for (const graph::ValueId id : graph.outputs) {
        if (graph.value(id).name == output) at = id;
    }
    for (int step = 0; step < kStepsMax; ++step) {
        const graph::Node* const node = maker_of(graph, at);
        const auto data = node ? data_of(graph, *node) : std::nullopt;
        if (!data) return "";
        if (is_product(*node)) return maker_of(graph, *data) ? graph.value(*data).name : "";
        at = *data;
    }
    return "";
}

}  // namespace hf::cli
