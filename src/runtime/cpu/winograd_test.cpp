// When the cpu device takes Winograd's algorithm for a convolution, and that it agrees with ref.

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "runtime/cpu/agreement_test.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

using testing_cpu::add_value;

struct Conv {
    std::int64_t size = 12, channels = 16, columns = 32, kernel = 3, stride = 1;
};

Tensor random_tensor(Rng& rng, const Shape& shape) {
    Tensor tensor(DType::kF32, shape);
    for (float& value : tensor.mutable_values<float>()) {
        value = static_cast<float>(rng.uniform() * 2 - 1);
    }
    return tensor;
}

// One convolution with borders of 1, a bias and a clamp at 0.
graph::Graph graph_of(const Conv& conv, const Tensor& weights, const Tensor& bias) {
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

graph::Graph random_graph(const Conv& conv, Rng& rng) {
    return graph_of(conv,
                    random_tensor(rng, {conv.columns, conv.kernel, conv.kernel, conv.channels}),
                    random_tensor(rng, {conv.columns}));
}

TEST(Winograd, IsTakenForWindowsOfThreeByThreeAndAgrees) {
    Rng rng(testing::seed());
    for (const std::int64_t size : {8, 11, 12, 17}) {
        const Conv conv{size, 32, 48};
        const graph::Graph graph = random_graph(conv, rng);
        EXPECT_EQ(testing_cpu::kernels_of(graph), std::vector<std::string>{"simd.winograd_f32"});
        testing_cpu::expect_agreement(graph, {random_tensor(rng, {2, size, size, 32})}, 1e-4);
    }
}

TEST(Winograd, IsLeftWhereItMayNotBeOrDoesNotPay) {
    Rng rng(testing::seed());
    const std::vector<std::string> plain{"simd.conv_f32"};
    EXPECT_EQ(testing_cpu::kernels_of(random_graph({4, 32, 48, 3, 1}, rng)), plain);
    EXPECT_EQ(testing_cpu::kernels_of(random_graph({12, 16, 32, 3, 2}, rng)), plain);
    EXPECT_EQ(testing_cpu::kernels_of(random_graph({12, 16, 32, 5, 1}, rng)), plain);
    EXPECT_EQ(testing_cpu::kernels_of(random_graph({12, 24, 32, 3, 1}, rng)), plain);
    // So many weights for so few tiles: reading them takes longer than what is saved.
    EXPECT_EQ(testing_cpu::kernels_of(random_graph({7, 512, 512, 3, 1}, rng)), plain);
}

TEST(Winograd, IsLeftWhereResultsWouldNotBeClose) {
    Rng rng(testing::seed());
    Tensor weights = random_tensor(rng, {32, 3, 3, 16});
    weights.mutable_values<float>()[5] = std::numeric_limits<float>::infinity();
    const graph::Graph graph = graph_of({}, weights, random_tensor(rng, {32}));
    EXPECT_EQ(testing_cpu::kernels_of(graph), std::vector<std::string>{"simd.conv_f32"});
}

}  // namespace
}  // namespace hf::runtime
