#include "runtime/conform.h"

#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "graph/onnx/tensor_proto.h"
#include "runtime/compile.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

// Debian's package libonnx-testdata.
constexpr const char* kCases = "/usr/include/onnx/backend/test/data";

// Raise it when more pass. The bar of the first release is 650.
constexpr std::size_t kPassedAtLeast = 820;

Result<std::shared_ptr<const CompiledModel>> compile_auto(graph::Graph graph) {
    return compile(std::move(graph), {}, nullptr);
}

TEST(Conform, TheOnnxBackendCasesThatPassedStillPass) {
    if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "needs the package libonnx-testdata";
    testing::DiskFiles files;
    const Result<ConformReport> report = run_conformance(files, kCases, "", compile_auto);
    ASSERT_TRUE(report.ok()) << report.status().to_string();
    const std::size_t passed = report->count(ConformCase::Verdict::kPassed);
    std::printf("%zu passed, %zu failed, %zu skipped\n", passed,
                report->count(ConformCase::Verdict::kFailed),
                report->count(ConformCase::Verdict::kSkipped));
    EXPECT_GE(passed, kPassedAtLeast);
}

TEST(Conform, TheJudgeRefusesWhatDiffers) {
    const std::vector<float> values{1.0f, 2.0f};
    const Tensor want = Tensor::of<float>(DType::kF32, {2}, values);
    const std::vector<float> near{1.0005f, 2.0f};
    const std::vector<float> far{1.01f, 2.0f};
    EXPECT_TRUE(same_tensor(Tensor::of<float>(DType::kF32, {2}, near), want, {}).ok());
    EXPECT_FALSE(same_tensor(Tensor::of<float>(DType::kF32, {2}, far), want, {}).ok());
    EXPECT_FALSE(same_tensor(Tensor::of<float>(DType::kF32, {2, 1}, values), want, {}).ok());
    EXPECT_FALSE(same_tensor(Tensor(DType::kF64, {2}), want, {}).ok());
}

TEST(Conform, AnEmptyFolderIsAnErrorNotAPass) {
    testing::DiskFiles files;
    EXPECT_EQ(run_conformance(files, "/proc/self/fdinfo", "", compile_auto).status().code(),
              Code::kNotFound);
}

// The nine light topologies, with the input that the ONNX runner gives them: arange(n) / n.
class LightNet : public ::testing::TestWithParam<const char*> {};

TEST_P(LightNet, ReproducesItsStoredOutput) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const std::string stem = testing::data_dir() + "/models/onnx-light/light_" + GetParam();
    const Bytes bytes = *files.read(stem + ".onnx", 1u << 30);
    auto model = compile_auto(*graph::load(bytes, graph::no_external_data()));
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    const Port& port = (*model)->signature().inputs.at(0);
    Tensor input(DType::kF32, port.shape);
    const auto count = static_cast<float>(input.elements());
    float next = 0;
    for (float& value : input.mutable_values<float>()) value = next++ / count;
    const auto session = (*model)->new_session();
    const auto outputs = (*session)->run(std::span(&input, 1));
    ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
    const Bytes stored = *files.read(stem + "_output_0.pb", 1u << 20);
    Tolerance tolerance;
    if (std::string_view(GetParam()) == "densenet121") tolerance.relative = 2e-3;
    const Status same =
        same_tensor(outputs->at(0), *graph::onnx::parse_tensor_proto(stored), tolerance);
    EXPECT_TRUE(same.ok()) << same.to_string();
}

INSTANTIATE_TEST_SUITE_P(Onnx, LightNet,
                         ::testing::Values("bvlc_alexnet", "densenet121", "inception_v1",
                                           "inception_v2", "resnet50", "shufflenet", "squeezenet",
                                           "vgg19", "zfnet512"));

}  // namespace
}  // namespace hf::runtime
