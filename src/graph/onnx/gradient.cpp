#include "graph/onnx/gradient.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "graph/infer.h"

namespace hf::graph::onnx {
namespace {

// The derivatives of one value with respect to others, by the chain rule from the end.
class Backward final {
public:
    // `shapes` is the graph after inference: its values are numbered alike.
    Backward(Graph& graph, const Graph& shapes) : graph_(graph), shapes_(shapes) {}

    // The nodes that compute it all, or none when a step is not among those that we know.
    std::vector<Node> unfold(std::size_t at) {
        const Node node = graph_.nodes[at];
        std::vector<ValueId> xs;
        for (const std::string& name : node.strings_or("xs", {})) {
            const auto id = graph_.find_value(name);
            if (!id) return {};
            xs.push_back(*id);
        }
        const auto y = graph_.find_value(node.string_or("y", ""));
        // A model has one opset; ConstantOfShape is of 9.
        for (const Node& other : graph_.nodes) {
            if (other.domain.empty()) opset_ = other.opset;
        }
        const bool plain = y && opset_ >= 9 && !node.has("zs") && xs.size() == node.outputs.size();
        if (!plain || !start(*y)) return {};
        mark(xs, at);
        for (std::size_t i = at; i-- > 0;) {
            if (!pass(graph_.nodes[i], xs)) return {};
        }
        for (std::size_t i = 0; i < xs.size(); ++i) {
            const auto found = gradients_.find(xs[i]);
            if (found == gradients_.end() || node.outputs[i] == kNoValue) return {};
            add("Identity", {found->second}, node.outputs[i]);
        }
        return std::move(nodes_);
    }

private:
    // The derivative of y by itself: ones.
    bool start(ValueId y) {
        const Value& value = shapes_.value(y);
        if (!value.dtype || !is_float(*value.dtype) || dtype_size(*value.dtype) < 4) return false;
        const double one = 1;
        const float single = 1;
        const Tensor fill = *value.dtype == DType::kF64
                                ? Tensor::of<double>(DType::kF64, {1}, std::span(&one, 1))
                                : Tensor::of<float>(DType::kF32, {1}, std::span(&single, 1));
        const ValueId shape = add("Shape", {y});
        gradients_[y] = add("ConstantOfShape", {shape});
        nodes_.back().attributes.emplace("value", fill);
        return true;
    }

    // Finds what depends on the xs.
    void mark(const std::vector<ValueId>& xs, std::size_t end) {
        depends_.assign(graph_.values.size(), false);
        for (ValueId x : xs) depends_[x.value()] = true;
        for (std::size_t i = 0; i < end; ++i) {
            const Node& node = graph_.nodes[i];
            const bool any = std::any_of(node.inputs.begin(), node.inputs.end(), [&](ValueId id) {
                return id != kNoValue && depends_[id.value()];
            });
            for (ValueId id : node.outputs) {
                if (any && id != kNoValue) depends_[id.value()] = true;
            }
        }
    }

    // Hands the derivative by a node's output on to its inputs; false when we cannot.
    bool pass(const Node& node, const std::vector<ValueId>& xs) {
        if (node.outputs.empty() || node.outputs[0] == kNoValue) return true;
        const ValueId out = node.outputs[0];
        const auto found = gradients_.find(out);
        const bool leaf = std::find(xs.begin(), xs.end(), out) != xs.end();
        if (found == gradients_.end() || leaf || !depends_[out.value()]) return true;
        const ValueId gradient = found->second;
        for (ValueId id : node.inputs) {
            if (id == kNoValue || shapes_.value(id).shape != shapes_.value(out).shape ||
                !shapes_.value(id).shape) {
                return false;
            }
        }
        if (!node.domain.empty() || node.inputs.empty()) return false;
        if (node.op == "Identity" || node.op == "Add" || node.op == "Sub") give(node, 0, gradient);
        if (node.op == "Add") give(node, 1, gradient);
        if (node.op == "Neg") give(node, 0, add("Neg", {gradient}));
        if (node.op == "Sub") give(node, 1, add("Neg", {gradient}));
        if (node.op == "Mul") {
            give(node, 0, add("Mul", {gradient, node.inputs.at(1)}));
            give(node, 1, add("Mul", {gradient, node.inputs.at(0)}));
        }
        return node.op == "Identity" || node.op == "Add" || node.op == "Sub" || node.op == "Neg" ||
               node.op == "Mul";
    }

    // Adds to the derivative by an input.
    void give(const Node& node, std::size_t index, ValueId gradient) {
        const ValueId id = node.inputs.at(index);
        const auto [place, fresh] = gradients_.try_emplace(id, gradient);
        if (!fresh) place->second = add("Add", {place->second, gradient});
    }

    ValueId add(std::string_view op, std::vector<ValueId> inputs, ValueId out = kNoValue) {
        if (out == kNoValue) {
            Value value;
            value.name = fmt::format("gradient_{}", graph_.values.size());
            out = graph_.add_value(std::move(value));
        }
        Node node;
        node.name = fmt::format("gradient_{}_{}", op, out.value());
        node.op = op;
        node.opset = opset_;
        node.inputs = std::move(inputs);
        node.outputs = {out};
        nodes_.push_back(std::move(node));
        return out;
    }

    Graph& graph_;
    const Graph& shapes_;
    std::int64_t opset_ = 0;
    std::map<ValueId, ValueId> gradients_;
    std::vector<bool> depends_;
    std::vector<Node> nodes_;
};

}  // namespace

void unfold_gradients(Graph& graph) {
    // Each may make the graph four times as large.
    constexpr int kMaxGradients = 4;
    int left = kMaxGradients;
    for (std::size_t at = 0; at < graph.nodes.size(); ++at) {
        const Node& node = graph.nodes[at];
        if (node.domain != "ai.onnx.preview.training" || node.op != "Gradient") continue;
        if (left-- == 0) return;
        Graph inferred = graph;
        if (!infer_shapes(inferred).ok()) return;
        Graph unfolded = graph;
        std::vector<Node> nodes = Backward(unfolded, inferred).unfold(at);
        if (nodes.empty()) continue;
        const auto place = unfolded.nodes.begin() + static_cast<std::ptrdiff_t>(at);
        unfolded.nodes.insert(unfolded.nodes.erase(place), std::make_move_iterator(nodes.begin()),
                              std::make_move_iterator(nodes.end()));
        at += nodes.size() - 1;
        graph = std::move(unfolded);
    }
}

}  // namespace hf::graph::onnx
