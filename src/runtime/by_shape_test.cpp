// Models with open extents: compiled for each shape that comes, kept within bounds, and the same
// results as the reference device gives.

#include "runtime/by_shape.h"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "runtime/cpu/agreement_test.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

// y = softmax(relu(x w + b)) over rows of an open number; `w` is depth x 5.
graph::Graph dense_graph(Rng& rng, std::int64_t depth) {
    graph::Graph graph;
    const auto constant = [&](const std::string& name, const Shape& shape) {
        Tensor tensor(DType::kF32, shape);
        for (float& value : tensor.mutable_values<float>()) {
            value = static_cast<float>(rng.uniform() * 2 - 1);
        }
        return graph.add_constant(name, std::move(tensor));
    };
    const auto x = testing_cpu::add_value(graph, "x", DType::kF32, Shape{Shape::kUnknown, depth});
    const auto w = constant("w", {depth, 5}), b = constant("b", {5});
    const auto add = [&](const std::string& op, std::vector<graph::ValueId> inputs) {
        graph::Value value;
        value.name = op;
        const auto out = graph.add_value(std::move(value));
        graph.nodes.push_back({op, "", op, 17, std::move(inputs), {out}, {}});
        return out;
    };
    const auto y = add("Softmax", {add("Relu", {add("Add", {add("MatMul", {x, w}), b})})});
    graph.inputs = {x};
    graph.outputs = {y};
    return graph;
}

Tensor rows(Rng& rng, std::int64_t count, std::int64_t depth) {
    Tensor tensor(DType::kF32, Shape{count, depth});
    for (float& value : tensor.mutable_values<float>()) value = static_cast<float>(rng.uniform());
    return tensor;
}

std::shared_ptr<const CompiledModel> compiled(const graph::Graph& graph, const std::string& device,
                                              CompileReport* report = nullptr) {
    CompileOptions options;
    options.device = device;
    auto model = compile(graph, options, report);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    return model.ok() ? *model : nullptr;
}

TEST(ByShape, AgreesWithTheReferenceInMoreShapesThanAreKept) {
    Rng rng(testing::seed());
    const graph::Graph graph = dense_graph(rng, 7);
    CompileReport report;
    const auto model = compiled(graph, "auto", &report), reference = compiled(graph, "ref");
    ASSERT_TRUE(model && reference);
    EXPECT_EQ(report.device, "cpu");
    EXPECT_TRUE(report.by_shape);
    EXPECT_FALSE(model->signature().inputs[0].shape.is_known());
    auto session = model->new_session(), oracle = reference->new_session();
    ASSERT_TRUE(session.ok() && oracle.ok());
    for (int round = 0; round < 200; ++round) {
        const std::vector<Tensor> x{
            rows(rng, static_cast<std::int64_t>(1 + rng.below(2 * kMostShapes)), 7)};
        const auto got = (*session)->run(x), want = (*oracle)->run(x);
        ASSERT_TRUE(got.ok()) << got.status().to_string();
        ASSERT_TRUE(want.ok()) << want.status().to_string();
        testing_cpu::expect_close((*got)[0], (*want)[0], 1e-5);
    }
}

TEST(ByShape, WhatDoesNotFitTheSignatureIsRefusedAndWhatCpuRefusesRunsOnTheReference) {
    Rng rng(testing::seed());
    const auto model = compiled(dense_graph(rng, 7), "auto");
    ASSERT_TRUE(model);
    auto session = model->new_session();
    ASSERT_TRUE(session.ok());
    const auto refused = (*session)->run(std::vector<Tensor>{rows(rng, 3, 8)});
    EXPECT_EQ(refused.status().code(), Code::kInvalidArgument);
    EXPECT_NE(refused.status().message().find("input 'x'"), std::string::npos);
    // No rows: whichever device it is, there is an answer of that shape.
    const auto none = (*session)->run(std::vector<Tensor>{rows(rng, 0, 7)});
    ASSERT_TRUE(none.ok()) << none.status().to_string();
    EXPECT_EQ((*none)[0].shape(), (Shape{0, 5}));
    EXPECT_TRUE((*session)->run(std::vector<Tensor>{rows(rng, 3, 7)}).ok());
}

TEST(ByShape, ThreadsShareOneModel) {
    Rng rng(testing::seed());
    const graph::Graph graph = dense_graph(rng, 9);
    const auto model = compiled(graph, "auto"), reference = compiled(graph, "ref");
    ASSERT_TRUE(model && reference);
    std::vector<std::thread> threads;
    for (unsigned id = 0; id < 4; ++id) {
        threads.emplace_back([&, id] {
            Rng own(id);
            auto session = model->new_session(), oracle = reference->new_session();
            for (int round = 0; round < 60; ++round) {
                const std::vector<Tensor> x{
                    rows(own, static_cast<std::int64_t>(1 + own.below(12)), 9)};
                const auto got = (*session)->run(x), want = (*oracle)->run(x);
                ASSERT_TRUE(got.ok() && want.ok());
                testing_cpu::expect_close((*got)[0], (*want)[0], 1e-5);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST(ByShape, IsLeftToTheReferenceWhereNoShapeHelps) {
    Rng rng(testing::seed());
    graph::Graph graph = dense_graph(rng, 7);
    graph::Value value;
    value.name = "where";
    const auto out = graph.add_value(std::move(value));
    graph.nodes.push_back({"n", "", "NonZero", 17, {graph.outputs[0]}, {out}, {}});
    graph.outputs = {out};
    CompileReport report;
    ASSERT_TRUE(compiled(graph, "auto", &report));
    EXPECT_EQ(report.device, "ref");
    EXPECT_FALSE(report.by_shape);
    EXPECT_NE(report.device_refusal.find("is not known before it runs"), std::string::npos)
        << report.device_refusal;
}

}  // namespace
}  // namespace hf::runtime
