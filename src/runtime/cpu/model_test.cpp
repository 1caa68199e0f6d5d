// The cpu device against the reference device, on real models and on small graphs.

#include "runtime/cpu/model.h"

#include <cmath>
#include <cstdlib>
#include <limits>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "runtime/compile.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

Result<graph::Graph> load_tiny(const std::string& name) {
    testing::DiskFiles files;
    const std::string path = testing::data_dir() + "/models/mlperf-tiny/" + name;
    const Bytes bytes = HF_TRY(files.read(path, 1 << 24));
    return graph::load(bytes, nullptr);
}

Result<std::shared_ptr<const CompiledModel>> compile_for(const graph::Graph& graph,
                                                         const std::string& device) {
    CompileOptions options;
    options.device = device;
    if (device == "ref") options.disabled_passes = {"all"};  // the oracle runs what the file says
    return compile(graph, options, nullptr);
}

std::vector<Tensor> random_inputs(const Signature& signature, Rng& rng) {
    std::vector<Tensor> inputs;
    for (const Port& port : signature.inputs) {
        inputs.push_back(random_tensor(port.dtype, port.shape, rng));
    }
    return inputs;
}

// Integers exactly, reals by the size of the largest.
void expect_same(const Tensor& got, const Tensor& want, float tolerance) {
    ASSERT_EQ(got.dtype(), want.dtype());
    ASSERT_EQ(got.shape(), want.shape());
    if (got.dtype() != DType::kF32) {
        ASSERT_TRUE(std::equal(got.bytes().begin(), got.bytes().end(), want.bytes().begin()));
        return;
    }
    float largest = 0;
    for (float value : want.values<float>()) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < got.values<float>().size(); ++i) {
        ASSERT_NEAR(got.values<float>()[i], want.values<float>()[i], tolerance * largest) << i;
    }
}

class TinyModels : public ::testing::TestWithParam<const char*> {};

TEST_P(TinyModels, AgreeWithTheReferenceAndWithThemselves) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const Result<graph::Graph> graph = load_tiny(GetParam());
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const auto reference = compile_for(*graph, "ref");
    ASSERT_TRUE(reference.ok()) << reference.status().to_string();
    const auto model = compile_for(*graph, "cpu");
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    auto oracle = (*reference)->new_session(), session = (*model)->new_session();
    auto other = (*model)->new_session();
    ASSERT_TRUE(oracle.ok() && session.ok() && other.ok());
    Rng rng(testing::seed());
    for (int round = 0; round < 5; ++round) {
        const std::vector<Tensor> inputs = random_inputs((*model)->signature(), rng);
        const auto want = (*oracle)->run(inputs), got = (*session)->run(inputs);
        ASSERT_TRUE(want.ok()) << want.status().to_string();
        ASSERT_TRUE(got.ok()) << got.status().to_string();
        ASSERT_EQ(got->size(), want->size());
        for (std::size_t i = 0; i < got->size(); ++i) {
            expect_same((*got)[i], (*want)[i], 1e-4f);
            // The same bits again, in a session with another history.
            const auto again = (*other)->run(inputs);
            ASSERT_TRUE(again.ok());
            const ByteView a = (*got)[i].bytes(), b = (*again)[i].bytes();
            ASSERT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end()));
        }
    }
}

TEST_P(TinyModels, HaveVectorKernelsThroughout) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const Result<graph::Graph> graph = load_tiny(GetParam());
    ASSERT_TRUE(graph.ok());
    CompileReport report;
    CompileOptions options;
    ASSERT_TRUE(compile(*graph, options, &report).ok());
    EXPECT_EQ(report.device, "cpu") << report.device_refusal;
    for (const CompileReport::NodeRow& row : report.nodes) {
        EXPECT_FALSE(row.kernel.starts_with("ref.")) << row.node << ": " << row.refused;
    }
}

INSTANTIATE_TEST_SUITE_P(CpuDevice, TinyModels,
                         ::testing::Values("ad01_fp32.tflite", "ad01_int8.tflite",
                                           "pretrainedResnet.tflite",
                                           "pretrainedResnet_quant.tflite", "kws_ref_model.tflite",
                                           "str_ww_ref_model.tflite", "vww_96_float.tflite",
                                           "vww_96_int8.tflite"));

}  // namespace
}  // namespace hf::runtime
