// Quantising small networks: the result computes in integers, is within its budget, leaves as ONNX
// and comes back as the same, and every refusal names its place.

#include "runtime/quantize/quantize.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/infer.h"
#include "graph/load.h"
#include "graph/onnx/export.h"
#include "graph/text.h"
#include "passes/quantize/from_tflite.h"
#include "runtime/compile.h"
#include "runtime/conform.h"
#include "runtime/quantize/observe.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

std::string numbers(Rng& rng, std::int64_t count, double size) {
    std::string text;
    for (std::int64_t i = 0; i < count; ++i) {
        text += fmt::format("{}{}", i ? ", " : "", static_cast<float>(rng.normal() * size));
    }
    return text;
}

// An image classifier with a sum, as an exporter of opset 9 writes it.
graph::Graph network(Rng& rng) {
    const std::string text = fmt::format(
        R"(graph "g" {{
  input %x: f32[1x3x8x8]
  const %w: f32[8x3x3x3] = {{{}}}
  const %b: f32[8x1x1] = {{{}}}
  const %v: f32[8x8x3x3] = {{{}}}
  const %c: f32[8] = {{{}}}
  const %s: i64[2] = {{1, 128}}
  const %m: f32[128x5] = {{{}}}
  const %n: f32[5] = {{{}}}
  %v1 = Conv(%x, %w) @9 "first" {{pads = [1, 1, 1, 1]}}
  %v2 = Add(%v1, %b) @9
  %v3 = Relu(%v2) @9
  %v4 = Conv(%v3, %v, %c) @9 "second" {{pads = [1, 1, 1, 1]}}
  %v5 = Add(%v4, %v3) @9 "sum"
  %v6 = Relu(%v5) @9
  %v7 = MaxPool(%v6) @9 {{kernel_shape = [2, 2], strides = [2, 2]}}
  %v8 = Reshape(%v7, %s) @9
  %v9 = MatMul(%v8, %m) @9 "last"
  %v10 = Add(%v9, %n) @9
  output %v10
}}
)",
        numbers(rng, 216, 0.3), numbers(rng, 8, 0.2), numbers(rng, 576, 0.2), numbers(rng, 8, 0.2),
        numbers(rng, 640, 0.2), numbers(rng, 5, 0.2));
    Result<graph::Graph> graph = graph::parse(text);
    EXPECT_TRUE(graph.ok()) << graph.status().to_string();
    return std::move(*graph);
}

Samples images(std::size_t count, Shape shape) {
    return {count, [shape](std::size_t index) -> Result<std::vector<Tensor>> {
                Rng rng(testing::seed() + index);
                return std::vector<Tensor>{random_tensor(DType::kF32, shape, rng)};
            }};
}

QuantizeOptions generous() {
    QuantizeOptions options;
    options.measure = Measure::kRelative;
    options.loss_max = 0.1;
    return options;
}

TEST(Quantize, ANetworkComputesInIntegersWithinItsBudget) {
    Rng rng(testing::seed());
    for (const auto calibrator :
         {passes::Calibrator::kMinMax, passes::Calibrator::kPercentile, passes::Calibrator::kMse}) {
        QuantizeOptions options = generous();
        options.rule.calibrator = calibrator;
        const auto done = quantize(network(rng), images(40, {1, 3, 8, 8}), options);
        ASSERT_TRUE(done.ok()) << done.status().to_string();
        EXPECT_LT(done->report.chosen.relative, 0.1);
        EXPECT_GT(done->report.chosen.relative, 0);
        CompileReport report;
        CompileOptions cpu;
        cpu.device = "cpu";
        ASSERT_TRUE(compile(done->graph, cpu, &report).ok());
        std::string kernels;
        for (const auto& row : report.nodes) kernels += row.kernel + "\n";
        for (const char* want : {"conv_i8", "add_real_i8", "dense_i8"}) {
            EXPECT_NE(kernels.find(want), std::string::npos) << kernels;
        }
        EXPECT_EQ(kernels.find("f32"), std::string::npos) << kernels;
    }
}

TEST(Quantize, TheModelLeavesAsOnnxAndComesBackTheSame) {
    Rng rng(testing::seed());
    const Samples samples = images(20, {1, 3, 8, 8});
    const auto done = quantize(network(rng), samples, generous());
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    const auto bytes = graph::onnx::export_model(done->graph);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    const auto back = graph::load(*bytes, graph::no_external_data());
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    const auto inputs = *samples.read(0);
    const auto before = *(*(*compile_to_measure(done->graph))->new_session())->run(inputs);
    const auto after = *(*(*compile_to_measure(*back))->new_session())->run(inputs);
    EXPECT_TRUE(same_tensor(after[0], before[0], {0, 0}).ok());
}

// Otherwise ONNX Runtime computes the layer in f32 and says nothing.
TEST(Quantize, UnitsOfBiasesAreProductsToTheBit) {
    Rng rng(testing::seed());
    const auto done = quantize(network(rng), images(20, {1, 3, 8, 8}), generous());
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    const graph::Graph& graph = done->graph;
    const auto scales = [&](graph::ValueId id) -> std::span<const float> {
        for (const graph::Node& node : graph.nodes) {
            if (node.outputs[0] == id && node.op == "DequantizeLinear") {
                return graph.value(node.inputs[1]).constant->values<float>();
            }
        }
        return {};
    };
    int layers = 0;
    for (const graph::Node& node : graph.nodes) {
        if (node.op != "Conv" && node.op != "Gemm") continue;
        const auto x = scales(node.inputs[0]), w = scales(node.inputs[1]),
                   b = scales(node.inputs[2]);
        ASSERT_EQ(x.size(), 1u);
        ASSERT_EQ(w.size(), b.size());
        for (std::size_t c = 0; c < w.size(); ++c) EXPECT_EQ(b[c], x[0] * w[c]);
        ++layers;
    }
    EXPECT_EQ(layers, 3);
}

TEST(Quantize, LayersGoBackToF32UntilTheBudgetHolds) {
    Rng rng(testing::seed());
    QuantizeOptions options = generous();
    const auto all = quantize(network(rng), images(40, {1, 3, 8, 8}), options);
    ASSERT_TRUE(all.ok()) << all.status().to_string();
    Rng same(testing::seed());
    options.loss_max = all->report.chosen.relative * 0.9;
    const auto part = quantize(network(same), images(40, {1, 3, 8, 8}), options);
    ASSERT_TRUE(part.ok()) << part.status().to_string();
    EXPECT_LE(part->report.chosen.relative, options.loss_max);
    const auto& rows = part->report.rows;
    const auto back = std::count_if(rows.begin(), rows.end(), [](const auto& row) {
        return !row.is_int8 && row.why.find("the most lossy one left") == 0;
    });
    EXPECT_GE(back, 1);
    options.loss_max = 0;
    Rng third(testing::seed());
    const auto none = quantize(network(third), images(40, {1, 3, 8, 8}), options);
    EXPECT_NE(none.status().message().find("no layer can be int8 within a loss of 0 %"),
              std::string_view::npos);
}

TEST(Quantize, KeptLayersStayF32) {
    Rng rng(testing::seed());
    QuantizeOptions options = generous();
    options.keep = {"second"};
    const auto done = quantize(network(rng), images(20, {1, 3, 8, 8}), options);
    ASSERT_TRUE(done.ok()) << done.status().to_string();
    for (const auto& row : done->report.rows) {
        EXPECT_EQ(row.is_int8, row.name != "second") << row.name;
    }
    options.keep = {"secnd"};
    const auto unknown = quantize(network(rng), images(20, {1, 3, 8, 8}), options);
    EXPECT_NE(unknown.status().message().find("did you mean 'second'?"), std::string_view::npos);
}

TEST(Quantize, RefusalsNameTheirPlace) {
    Rng rng(testing::seed());
    const auto done = quantize(network(rng), images(20, {1, 3, 8, 8}), generous());
    ASSERT_TRUE(done.ok());
    const auto refused = [](graph::Graph graph, const Samples& samples, const char* want) {
        const auto result = quantize(std::move(graph), samples, generous());
        ASSERT_FALSE(result.ok());
        EXPECT_NE(result.status().message().find(want), std::string_view::npos)
            << result.status().to_string();
    };
    refused(done->graph, images(20, {1, 3, 8, 8}), "quantised already");
    refused(network(rng), images(0, {1, 3, 8, 8}), "no samples");
    refused(network(rng), images(9, {1, 3, 8, 9}), "sample");
    refused(*graph::parse("graph \"g\" {\n  input %x: f32[1x4]\n  %y = Relu(%x)\n  output %y\n}\n"),
            images(9, {1, 4}), "nothing to quantise");
    Samples infinite = images(9, {1, 3, 8, 8});
    infinite.read = [](std::size_t) -> Result<std::vector<Tensor>> {
        Tensor tensor(DType::kF32, {1, 3, 8, 8});
        tensor.mutable_values<float>()[3] = std::numeric_limits<float>::infinity();
        return std::vector<Tensor>{tensor};
    };
    refused(network(rng), infinite, "'x' is not finite");
}

TEST(Split, IsDisjointAndRepeats) {
    for (const std::size_t count : {2u, 5u, 17u, 100u}) {
        const Split split = split_samples(count, 3), again = split_samples(count, 3);
        EXPECT_EQ(split.held_out, again.held_out);
        std::vector<std::size_t> all = split.calibration;
        all.insert(all.end(), split.held_out.begin(), split.held_out.end());
        std::sort(all.begin(), all.end());
        ASSERT_EQ(all.size(), count);
        for (std::size_t i = 0; i < count; ++i) EXPECT_EQ(all[i], i);
        EXPECT_GE(split.held_out.size(), 1u);
    }
}

// MLPerf Tiny's f32 models in ONNX's operators compute what they compute in TFLite's.
TEST(FromTflite, ComputesTheSame) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    for (const char* name : {"pretrainedResnet.tflite", "ad01_fp32.tflite",
                             "kws_ref_model_float32.tflite", "vww_96_float.tflite"}) {
        const Bytes bytes =
            *files.read(testing::data_dir() + "/models/mlperf-tiny/" + name, 1u << 26);
        graph::Graph before = *graph::load(bytes, graph::no_external_data());
        ASSERT_TRUE(graph::infer_shapes(before).ok());
        const auto after = passes::from_tflite(before);
        ASSERT_TRUE(after.ok()) << name << ": " << after.status().to_string();
        Rng rng(testing::seed());
        const graph::Value& input = before.value(before.inputs[0]);
        const std::vector<Tensor> inputs{random_tensor(DType::kF32, *input.shape, rng)};
        const auto want = *(*(*compile_to_measure(before))->new_session())->run(inputs);
        const auto got = *(*(*compile_to_measure(*after))->new_session())->run(inputs);
        ASSERT_EQ(got.size(), want.size());
        const Status same = same_tensor(got[0], want[0], {1e-3, 1e-4});
        EXPECT_TRUE(same.ok()) << name << ": " << same.to_string();
    }
}

}  // namespace
}  // namespace hf::runtime
