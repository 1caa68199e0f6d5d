#include "passes/pipeline.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/text.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "testing/script.h"

namespace hf::passes {
namespace {

// Enough of an evaluator to fold with: Add of f32 of one shape, and ConstantOfShape of zeros.
Result<std::vector<Tensor>> evaluate(const graph::Graph& graph, const graph::Node& node,
                                     std::span<const Tensor> inputs) {
    if (node.op == "ConstantOfShape") {
        return std::vector<Tensor>{Tensor(DType::kF32, *graph.value(node.outputs[0]).shape)};
    }
    if (node.op != "Add" || inputs.size() != 2 || inputs[0].is_null() || inputs[1].is_null() ||
        inputs[0].shape() != inputs[1].shape()) {
        return unimplemented("only Add of two");
    }
    Tensor sum(DType::kF32, inputs[0].shape());
    for (std::size_t i = 0; i < static_cast<std::size_t>(sum.elements()); ++i) {
        sum.mutable_values<float>()[i] =
            inputs[0].values<float>()[i] + inputs[1].values<float>()[i];
    }
    return std::vector<Tensor>{sum};
}

// Everything but the named passes is left out; without names, nothing is.
PipelineOptions only(const std::vector<std::string>& names) {
    PipelineOptions options;
    for (const Pass& pass : all_passes()) {
        const bool wanted = std::find(names.begin(), names.end(), pass.name) != names.end();
        if (!names.empty() && !wanted) options.disabled.emplace_back(pass.name);
    }
    return options;
}

std::string run_command(const testing::TextCommand& command) {
    Result<graph::Graph> graph = graph::parse(command.input);
    if (!graph.ok()) return fmt::format("bad test: {}\n", graph.status().message());
    const auto rows = run_passes(*graph, {evaluate}, only(command.arguments));
    if (!rows.ok()) return fmt::format("error: {}\n", rows.status().message());
    EXPECT_TRUE(graph::verify(*graph).ok());
    return graph::print(*graph, {.shortened = true});
}

class PassText : public ::testing::TestWithParam<const char*> {};

TEST_P(PassText, BeforeAndAfter) {
    testing::run_text_test(fmt::format("src/passes/testdata/{}.txt", GetParam()), run_command);
}

INSTANTIATE_TEST_SUITE_P(Passes, PassText,
                         ::testing::Values("fold_shapes", "fold_constants", "remove_identities",
                                           "align_broadcasts", "fuse_attention", "fuse_gelu",
                                           "lower_quantized", "split_sums", "merge_duplicates",
                                           "fold_batch_norm", "fuse_gemm", "lower_gemm",
                                           "lower_images", "move_transposes", "fuse_layers",
                                           "remove_dead", "pipeline"));

graph::Graph two_identities() {
    return *graph::parse(R"(graph "g" {
        input %x: f32[2]
        %a = Identity(%x)
        %b = Relu(%a)
        output %b
    })");
}

TEST(Pipeline, AnUnknownNameIsRefusedWithTheNearest) {
    graph::Graph graph = two_identities();
    const Status status = run_passes(graph, {}, {{"fold-constant"}, {}}).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_NE(status.message().find("did you mean 'fold-constants'"), std::string::npos)
        << status.message();
    EXPECT_EQ(graph.nodes.size(), 2u);
}

TEST(Pipeline, DisabledPassesDoNothingAndSaySo) {
    graph::Graph graph = two_identities();
    const auto rows = run_passes(graph, {}, {{"all"}, {}});
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ(graph.nodes.size(), 2u);
    for (const PassRow& row : *rows) {
        EXPECT_TRUE(row.disabled && !row.changed) << row.name;
    }
}

TEST(Pipeline, ReportsWhatEachPassDidAndHowLongItTook) {
    graph::Graph graph = two_identities();
    Duration time{};
    const auto rows = run_passes(graph, {}, {{}, [&] { return time += Duration(1); }});
    ASSERT_TRUE(rows.ok());
    EXPECT_EQ(graph.nodes.size(), 1u);
    for (const PassRow& row : *rows) {
        EXPECT_EQ(row.changed, row.name == "remove-identities") << row.name;
        EXPECT_EQ(row.time, Duration(2)) << row.name;  // two rounds
        EXPECT_EQ(row.nodes_after, 1u);
    }
}

TEST(Pipeline, EveryPassHasItsOwnNameAndSummary) {
    std::vector<std::string_view> names;
    for (const Pass& pass : all_passes()) {
        EXPECT_FALSE(pass.summary.empty()) << pass.name;
        EXPECT_EQ(std::count(names.begin(), names.end(), pass.name), 0);
        names.push_back(pass.name);
    }
}

}  // namespace
}  // namespace hf::passes
