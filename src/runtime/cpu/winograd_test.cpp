// When the cpu device takes Winograd's algorithm for a convolution, and that it agrees with ref.

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "runtime/cpu/conv_graph_test.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

using testing_cpu::Conv;
using testing_cpu::graph_of;
using testing_cpu::random_graph;
using testing_cpu::random_tensor;

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
