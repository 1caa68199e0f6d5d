// Models in bfloat16: which kernels they get, how near their outputs are, when they stay in fp32.

#include <gtest/gtest.h>

#include "runtime/cpu/conv_graph_test.h"
#include "runtime/plan_file.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

using testing_cpu::Conv;

struct Compiled {
    std::shared_ptr<const CompiledModel> model;
    CompileReport report;

    Tensor run(const Tensor& input) const {
        const auto session = model->new_session();
        return (*(*session)->run(std::vector<Tensor>{input}))[0];
    }
};

Compiled compiled(const graph::Graph& graph, Math math, double max_rounding = 0.02) {
    CompileOptions options;
    options.device = "cpu";
    options.math = math;
    options.max_rounding = max_rounding;
    options.disabled_passes = {"all"};
    Compiled done;
    const auto model = compile(graph, options, &done.report);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    done.model = *model;
    return done;
}

// x [rows, depth] times random weights.
graph::Graph product_graph(std::int64_t rows, std::int64_t depth, std::int64_t columns, Rng& rng) {
    graph::Graph graph;
    const auto x = testing_cpu::add_value(graph, "x", DType::kF32, {rows, depth});
    const auto w = graph.add_constant("w", testing_cpu::random_tensor(rng, {depth, columns}));
    const auto y = testing_cpu::add_value(graph, "y", DType::kF32, {rows, columns});
    graph.inputs = {x};
    graph.outputs = {y};
    graph::Node node;
    node.name = "product";
    node.op = "MatMul";
    node.inputs = {x, w};
    node.outputs = {y};
    graph.nodes.push_back(std::move(node));
    return graph;
}

Bytes bytes_of(const Tensor& tensor) {
    return {tensor.bytes().begin(), tensor.bytes().end()};
}

// Largest difference, in parts of the largest number.
double difference(const Tensor& got, const Tensor& want) {
    double gap = 0, largest = 0;
    for (std::size_t i = 0; i < want.values<float>().size(); ++i) {
        const double value = want.values<float>()[i];
        gap = std::max(gap, std::abs(double{got.values<float>()[i]} - value));
        largest = std::max(largest, std::abs(value));
    }
    return gap / largest;
}

void expect_bf16(const graph::Graph& graph, const Tensor& input, const std::string& kernel) {
    const Compiled exact = compiled(graph, Math::kF32), rounded = compiled(graph, Math::kBf16);
    EXPECT_EQ(rounded.report.nodes[0].kernel, kernel);
    EXPECT_GT(rounded.report.rounding, 0);
    EXPECT_LT(rounded.report.rounding, 0.01);
    EXPECT_LT(rounded.report.weight_bytes, exact.report.weight_bytes);
    const Tensor want = exact.run(input), got = rounded.run(input);
    EXPECT_LT(difference(got, want), 0.02);
    EXPECT_EQ(bytes_of(got), bytes_of(rounded.run(input)));

    const auto plan = write_plan(*rounded.model);
    ASSERT_TRUE(plan.ok()) << plan.status().to_string();
    CompileReport report;
    const auto opened = open_plan(*plan, nullptr, &report, PlanKernels::kAsPlanned);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    EXPECT_EQ(bytes_of(Compiled({*opened, {}}).run(input)), bytes_of(got));
}

TEST(Bf16, ConvolutionsAndProductsAreRoundedAndTheirPlansToo) {
    Rng rng(testing::seed());
    for (const Conv& conv : {Conv{12, 32, 48}, Conv{9, 3, 20, 3, 2}, Conv{14, 64, 40, 1}}) {
        expect_bf16(testing_cpu::random_graph(conv, rng),
                    testing_cpu::random_tensor(rng, {2, conv.size, conv.size, conv.channels}),
                    "simd.conv_bf16");
    }
    expect_bf16(product_graph(37, 70, 35, rng), testing_cpu::random_tensor(rng, {37, 70}),
                "simd.dense_bf16");
}

TEST(Bf16, RowsHaveTheSameBitsInAnyBatch) {
    Rng rng(testing::seed());
    Rng weights(1), same_weights(1);
    const Compiled many = compiled(product_graph(150, 90, 33, weights), Math::kBf16);
    const Compiled one = compiled(product_graph(1, 90, 33, same_weights), Math::kBf16);
    const Tensor input = testing_cpu::random_tensor(rng, {150, 90});
    const Tensor all = many.run(input);
    for (std::size_t row = 0; row < 150; ++row) {
        Tensor alone(DType::kF32, Shape{1, 90});
        std::copy_n(input.values<float>().data() + row * 90, 90,
                    alone.mutable_values<float>().data());
        const Tensor got = one.run(alone);
        for (std::size_t c = 0; c < 33; ++c) {
            ASSERT_EQ(got.values<float>()[c], all.values<float>()[row * 33 + c]) << row;
        }
    }
}

TEST(Bf16, AModelThatChangesTooMuchStaysInFp32AndSaysSo) {
    Rng rng(testing::seed());
    const graph::Graph graph = testing_cpu::random_graph({12, 32, 48}, rng);
    const Compiled kept = compiled(graph, Math::kBf16, 1e-6);
    EXPECT_NE(kept.report.math_refusal.find("more than 0.0001 %"), std::string::npos)
        << kept.report.math_refusal;
    EXPECT_LT(kept.report.rounding, 0);
    EXPECT_NE(kept.report.nodes[0].kernel, "simd.conv_bf16");
}

TEST(Bf16, WeightsThatItCannotHoldStayInFp32) {
    Rng rng(testing::seed());
    Tensor weights = testing_cpu::random_tensor(rng, {32, 3, 3, 16});
    weights.mutable_values<float>()[5] = std::numeric_limits<float>::max();
    const graph::Graph graph =
        testing_cpu::graph_of({}, weights, testing_cpu::random_tensor(rng, {32}));
    const Compiled kept = compiled(graph, Math::kBf16, 1);
    EXPECT_NE(kept.report.nodes[0].kernel, "simd.conv_bf16");
    EXPECT_NE(kept.report.nodes[0].refused.find("too large for bfloat16"), std::string::npos);
}

TEST(Bf16, TheReferenceDeviceHasNone) {
    Rng rng(testing::seed());
    CompileOptions options;
    options.device = "ref";
    options.math = Math::kBf16;
    const auto model = compile(testing_cpu::random_graph({}, rng), options, nullptr);
    EXPECT_EQ(model.status().code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace hf::runtime
