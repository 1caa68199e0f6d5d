#include "runtime/conform.h"

#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "runtime/compile.h"
#include "testing/disk_files.h"

namespace hf::runtime {
namespace {

// Debian's package libonnx-testdata.
constexpr const char* kCases = "/usr/include/onnx/backend/test/data";

// Raise it when more pass.
constexpr std::size_t kPassedAtLeast = 1064;

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

}  // namespace
}  // namespace hf::runtime
