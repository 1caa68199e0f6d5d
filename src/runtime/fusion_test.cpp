// What passes fuse and the cpu device then runs as one kernel, against the reference device without
// passes: attention and layers of transformers. And that a row has the same bits wherever it
// stands.

#include <cmath>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

std::vector<Tensor> run(const std::string& text, const std::vector<Tensor>& inputs,
                        const std::string& device, const std::vector<std::string>& disabled) {
    const auto graph = graph::parse(text);
    EXPECT_TRUE(graph.ok()) << graph.status().to_string() << "\n" << text;
    if (!graph.ok()) return {};
    CompileOptions options;
    options.device = device;
    options.disabled_passes = disabled;
    const auto model = compile(*graph, options, nullptr);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    if (!model.ok()) return {};
    auto session = (*model)->new_session();
    EXPECT_TRUE(session.ok());
    auto outputs = (*session)->run(inputs);
    EXPECT_TRUE(outputs.ok()) << outputs.status().to_string();
    return outputs.ok() ? *outputs : std::vector<Tensor>{};
}

Tensor normal(const Shape& shape, Rng& rng) {
    Tensor tensor(DType::kF32, shape);
    for (float& x : tensor.mutable_values<float>()) x = static_cast<float>(rng.normal());
    return tensor;
}

void expect_close(const std::string& text, const std::vector<Tensor>& inputs) {
    const auto want = run(text, inputs, "ref", {"all"});
    for (const char* device : {"ref", "cpu"}) {
        const auto got = run(text, inputs, device, {});
        ASSERT_EQ(got.size(), want.size());
        ASSERT_EQ(got[0].shape(), want[0].shape());
        for (std::size_t i = 0; i < want[0].values<float>().size(); ++i) {
            ASSERT_NEAR(got[0].values<float>()[i], want[0].values<float>()[i], 2e-5)
                << device << " " << i << "\n"
                << text;
        }
    }
}

TEST(Fusion, AttentionIsTheProductsThatItIsMadeOf) {
    Rng rng(testing::seed());
    for (int round = 0; round < 40; ++round) {
        const auto some = [&](std::uint64_t most) {
            return static_cast<std::int64_t>(1 + rng.below(most));
        };
        const std::int64_t batch = some(2), heads = some(4), queries = some(70), keys = some(70);
        const std::int64_t size = some(40);
        const std::int64_t mask[] = {rng.chance(1, 2) ? 1 : batch, rng.chance(1, 2) ? 1 : heads,
                                     rng.chance(1, 2) ? 1 : queries, keys};
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %q: f32[{0}x{2}x{1}x{4}]\n  input %k: f32[{0}x{3}x{1}x{4}]\n"
            "  input %v: f32[{0}x{3}x{1}x{4}]\n  input %mask: f32[{5}x{6}x{7}x{3}]\n"
            "  const %root: f32[] = {{{8}}}\n"
            "  %qt = Transpose(%q) {{perm = [0, 2, 1, 3]}}\n"
            "  %kt = Transpose(%k) {{perm = [0, 2, 3, 1]}}\n"
            "  %vt = Transpose(%v) {{perm = [0, 2, 1, 3]}}\n"
            "  %a = MatMul(%qt, %kt)\n  %b = Div(%a, %root)\n{9}"
            "  %d = Softmax(%c) @13 {{axis = -1}}\n  %e = MatMul(%d, %vt)\n"
            "  %y = Transpose(%e) {{perm = [0, 2, 1, 3]}}\n  output %y\n}}\n",
            batch, heads, queries, keys, size, mask[0], mask[1], mask[2], std::sqrt(size),
            rng.chance(1, 3) ? "  %c = Identity(%b)\n" : "  %c = Add(%b, %mask)\n");
        expect_close(
            text, {normal({batch, queries, heads, size}, rng),
                   normal({batch, keys, heads, size}, rng), normal({batch, keys, heads, size}, rng),
                   normal({mask[0], mask[1], mask[2], mask[3]}, rng)});
    }
}

TEST(Fusion, LayersTakeBiasResidualAndGelu) {
    Rng rng(testing::seed());
    const std::string text =
        "graph \"g\" {\n  input %x: f32[2x7x20]\n  input %r: f32[2x7x33]\n"
        "  input %unused: f32[1]\n  const %w: f32[20x33] = fill(0.25)\n"
        "  const %b: f32[33] = fill(0.5)\n  const %root: f32[] = {1.4142135}\n"
        "  const %one: f32[] = {1}\n  const %half: f32[] = {0.5}\n"
        "  %a = MatMul(%x, %w)\n  %c = Add(%b, %a)\n  %d = Add(%c, %r)\n  %e = Div(%d, %root)\n"
        "  %f = Erf(%e)\n  %g = Add(%f, %one)\n  %h = Mul(%d, %g)\n  %y = Mul(%h, %half)\n"
        "  output %y\n}\n";
    expect_close(text, {normal({2, 7, 20}, rng), normal({2, 7, 33}, rng), normal({1}, rng)});
}

TEST(Fusion, ARowHasTheSameBitsWhereverItStandsAndHoweverManyThereAre) {
    Rng rng(testing::seed());
    const Tensor weights = normal({37, 50}, rng);
    const Tensor row = normal({1, 37}, rng);
    std::string values;
    for (float w : weights.values<float>())
        values += fmt::format("{}{}", values.empty() ? "" : ", ", w);
    std::vector<float> first;
    for (std::int64_t rows = 1; rows <= 60; rows += rows < 16 ? 1 : 11) {
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %x: f32[{0}x37]\n  const %w: f32[37x50] = {{{1}}}\n"
            "  %y = MatMul(%x, %w)\n  %z = Softmax(%y) @13\n  output %z\n}}\n",
            rows, values);
        Tensor x = normal({rows, 37}, rng);
        for (std::int64_t at = 0; at < rows; at += 1 + rows / 5) {
            std::copy(row.values<float>().begin(), row.values<float>().end(),
                      x.mutable_values<float>().begin() + at * 37);
            const auto outputs = run(text, {x}, "cpu", {});
            ASSERT_EQ(outputs.size(), 1u);
            const auto got =
                outputs[0].values<float>().subspan(static_cast<std::size_t>(at * 50), 50);
            if (first.empty()) first.assign(got.begin(), got.end());
            ASSERT_TRUE(std::equal(got.begin(), got.end(), first.begin())) << at << " of " << rows;
        }
    }
}

}  // namespace
}  // namespace hf::runtime
