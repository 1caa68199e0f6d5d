// Quantised models give the same bytes on every instruction set that this processor has.

#include "kernels/simd/dispatch.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

// A layer of each int8 kernel for ONNX, with extents that are no multiples of a vector's.
constexpr std::string_view kQuantised = R"(graph "quantised" {
  input %x: f32[1x3x11x13]
  const %s: f32[] = {0.02}
  const %z: i8[] = {3}
  const %ws: f32[] = {0.001}
  const %w1: i8[21x3x3x3] = random(1)
  const %w2: i8[21x1x3x3] = random(2)
  const %w3: i8[21x21x1x1] = random(3)
  const %w4: i8[7x21] = random(4)
  %xq = QuantizeLinear(%x, %s, %z)
  %xr = DequantizeLinear(%xq, %s, %z)
  %w1r = DequantizeLinear(%w1, %ws)
  %a = Conv(%xr, %w1r) {pads = [1, 1, 1, 1]}
  %ar = Relu(%a)
  %aq = QuantizeLinear(%ar, %s, %z)
  %ad = DequantizeLinear(%aq, %s, %z)
  %w2r = DequantizeLinear(%w2, %ws)
  %b = Conv(%ad, %w2r) {group = 21, pads = [1, 1, 1, 1]}
  %bq = QuantizeLinear(%b, %s, %z)
  %bd = DequantizeLinear(%bq, %s, %z)
  %w3r = DequantizeLinear(%w3, %ws)
  %c = Conv(%bd, %w3r)
  %cq = QuantizeLinear(%c, %s, %z)
  %cd = DequantizeLinear(%cq, %s, %z)
  %d = Add(%cd, %ad)
  %dq = QuantizeLinear(%d, %s, %z)
  %dd = DequantizeLinear(%dq, %s, %z)
  %e = MaxPool(%dd) {kernel_shape = [2, 2], strides = [2, 2]}
  %eq = QuantizeLinear(%e, %s, %z)
  %ed = DequantizeLinear(%eq, %s, %z)
  %f = GlobalAveragePool(%ed)
  %fq = QuantizeLinear(%f, %s, %z)
  %fd = DequantizeLinear(%fq, %s, %z)
  %g = Flatten(%fd)
  %gq = QuantizeLinear(%g, %s, %z)
  %gd = DequantizeLinear(%gq, %s, %z)
  %w4r = DequantizeLinear(%w4, %ws)
  %h = Gemm(%gd, %w4r) {transB = 1}
  %hq = QuantizeLinear(%h, %s, %z)
  %y = DequantizeLinear(%hq, %s, %z)
  output %y
  output %cd
})";

struct RestoredSet {
    ~RestoredSet() { kernels::use_instruction_set(""); }
};

// Compiles once, as plan files are, and runs on each set.
void expect_alike(const graph::Graph& graph, CompileReport* report) {
    const RestoredSet restored;
    CompileOptions options;
    options.device = "cpu";
    const auto model = compile(graph, options, report);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    Rng rng(testing::seed());
    for (int round = 0; round < 3; ++round) {
        std::vector<Tensor> inputs;
        for (const Port& port : (*model)->signature().inputs) {
            inputs.push_back(random_tensor(port.dtype, port.shape, rng));
        }
        std::vector<Tensor> want;
        for (const std::string_view set : kernels::instruction_sets()) {
            ASSERT_TRUE(kernels::use_instruction_set(set));
            const auto session = (*model)->new_session();
            ASSERT_TRUE(session.ok()) << session.status().to_string();
            const auto got = (*session)->run(inputs);
            ASSERT_TRUE(got.ok()) << got.status().to_string();
            if (want.empty()) want = *got;
            for (std::size_t i = 0; i < want.size(); ++i) {
                const ByteView a = want[i].bytes(), b = (*got)[i].bytes();
                EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()))
                    << "output " << i << " on " << set;
            }
        }
    }
}

TEST(InstructionSets, AQuantisedGraphGivesTheSameBytes) {
    const auto graph = graph::parse(kQuantised);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    CompileReport report;
    expect_alike(*graph, &report);
    std::set<std::string> used;
    for (const CompileReport::NodeRow& row : report.nodes) used.insert(row.kernel);
    for (const char* kernel :
         {"simd.quantize_i8", "simd.conv_i8", "simd.depthwise_i8", "simd.add_real_i8",
          "simd.max_pool_i8", "simd.mean_i8", "simd.dense_i8", "simd.dequantize_i8"}) {
        EXPECT_TRUE(used.contains(kernel)) << kernel;
    }
}

class TinyInt8 : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyInt8, GivesTheSameBytes) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const auto bytes =
        files.read(testing::data_dir() + "/models/mlperf-tiny/" + GetParam(), 1 << 24);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    const auto graph = graph::load(*bytes, nullptr);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    expect_alike(*graph, nullptr);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, TinyInt8,
                         ::testing::Values("ad01_int8.tflite", "kws_ref_model.tflite",
                                           "pretrainedResnet_quant.tflite", "vww_96_int8.tflite"));

}  // namespace
}  // namespace hf::runtime
