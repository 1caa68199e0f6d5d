// A graph of one convolution with random weights, for tests of its kernels.

#pragma once

#include "base/rng.h"
#include "runtime/cpu/agreement_test.h"

namespace hf::runtime::testing_cpu {

struct Conv {
    std::int64_t size = 12, channels = 16, columns = 32, kernel = 3, stride = 1;
};

inline Tensor random_tensor(Rng& rng, const Shape& shape) {
    Tensor tensor(DType::kF32, shape);
    for (float& value : tensor.mutable_values<float>()) {
        value = static_cast<float>(rng.uniform() * 2 - 1);
    }
    return tensor;
}

// One convolution with borders of 1, a bias and a clamp at 0.
inline graph::Graph graph_of(const Conv& conv, const Tensor& weights, const Tensor& bias) {
    graph::Graph graph;
    const std::int64_t out = (conv.size + 2 - conv.kernel) / conv.stride + 1;
    const auto x = add_value(graph, "x", DType::kF32, {2, conv.size, conv.size, conv.channels});
    const auto w = graph.add_constant("w", weights);
    const auto b = graph.add_constant("b", bias);
    const auto y = add_value(graph, "y", DType::kF32, {2, out, out, conv.columns});
    graph.inputs = {x};
    graph.outputs = {y};
    graph::Node node;
    node.name = "conv";
    node.domain = "hf";
    node.op = "Conv2d";
    node.inputs = {x, w, b};
    node.outputs = {y};
    node.attributes["strides"] = std::vector<std::int64_t>{conv.stride, conv.stride};
    node.attributes["dilations"] = std::vector<std::int64_t>{1, 1};
    node.attributes["pads"] = std::vector<std::int64_t>{1, 1, 1, 1};
    node.attributes["group"] = std::int64_t{1};
    node.attributes["activation"] = std::string("relu");
    graph.nodes.push_back(std::move(node));
    return graph;
}

inline graph::Graph random_graph(const Conv& conv, Rng& rng) {
    return graph_of(conv,
                    random_tensor(rng, {conv.columns, conv.kernel, conv.kernel, conv.channels}),
                    random_tensor(rng, {conv.columns}));
}

}  // namespace hf::runtime::testing_cpu
