// What a compile report says of sizes, times and the arena.

#include <gtest/gtest.h>

#include "graph/text.h"
#include "runtime/cpu/conv_graph_test.h"
#include "runtime/cpu/time_model.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

CompileReport report_of(const graph::Graph& graph) {
    CompileReport report;
    const auto model = testing_cpu::compile_on(graph, "cpu", &report);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    return report;
}

TEST(CompileReport, TellsWhatAConvolutionMovesAndComputes) {
    Rng rng(testing::seed());
    const CompileReport report = report_of(testing_cpu::random_graph({10, 16, 32, 5, 1}, rng));
    ASSERT_EQ(report.nodes.size(), 1u);
    const CompileReport::NodeRow& row = report.nodes[0];
    EXPECT_EQ(row.macs, 2u * 8 * 8 * 32 * 25 * 16);
    // Input, packed weights, bias and output, four bytes each.
    EXPECT_EQ(row.bytes, 4u * (2 * 10 * 10 * 16 + 25 * 16 * 32 + 32 + 2 * 8 * 8 * 32));
    EXPECT_EQ(row.predicted_us, cpu::predicted_us(row.kernel, {row.macs, row.bytes}));
    EXPECT_GT(row.predicted_us, 0);
    ASSERT_EQ(report.arena.size(), 1u);
    EXPECT_EQ(report.arena[0].holds, "scratch of Conv2d 'conv' (hf)");
}

TEST(CompileReport, TheArenasRangesAreApartWhileTheyLive) {
    const auto graph = graph::parse(
        "graph \"g\" {\n"
        "  input %x: f32[4x100]\n"
        "  %a: f32[4x100] = Exp(%x) @17\n"
        "  %b: f32[4x100] = Tanh(%x) @17\n"
        "  %c: f32[4x100] = Add(%a, %b) @17\n"
        "  %d: f32[4x100] = Mul(%c, %a) @17\n"
        "  %y: f32[4x100] = Sub(%d, %b) @17\n"
        "  output %y\n"
        "}\n");
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const CompileReport report = report_of(*graph);
    std::uint64_t end = 0;
    std::size_t named = 0;
    for (const auto& one : report.arena) {
        end = std::max(end, one.offset + one.bytes);
        named += !one.holds.empty();
        for (const auto& other : report.arena) {
            if (&one == &other || one.last < other.first || other.last < one.first) continue;
            EXPECT_TRUE(one.offset + one.bytes <= other.offset ||
                        other.offset + other.bytes <= one.offset)
                << one.holds << " and " << other.holds;
        }
    }
    EXPECT_EQ(named, report.arena.size());
    EXPECT_GE(report.arena.size(), 3u);
    EXPECT_LE(end, report.arena_bytes);
    EXPECT_GT(end + 64, report.arena_bytes);
}

TEST(TimeModel, IsTheSlowerOfArithmeticAndTraffic) {
    const double both = cpu::predicted_us("simd.conv_f32", {1'000'000, 1'000});
    EXPECT_GT(cpu::predicted_us("simd.conv_f32", {2'000'000, 1'000}), both);
    EXPECT_EQ(cpu::predicted_us("simd.conv_f32", {1'000'000, 2'000}), both);
    EXPECT_GT(cpu::predicted_us("simd.conv_f32", {1'000'000, 100'000'000}), both);
    EXPECT_GT(cpu::predicted_us("ref.Conv", {1'000'000, 1'000}), both);
}

}  // namespace
}  // namespace hf::runtime
