// The nine light ImageNet topologies against their stored outputs, and by several threads. A
// whole-product test of its own because it computes some 40 G multiply-adds: minutes under a
// sanitizer, seconds without.

#include <gtest/gtest.h>

#include "graph/load.h"
#include "graph/onnx/tensor_proto.h"
#include "runtime/compile.h"
#include "runtime/conform.h"
#include "runtime/crew.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

// The input is what the ONNX runner gives such models: arange(n) / n.
class LightNet : public ::testing::TestWithParam<const char*> {};

TEST_P(LightNet, ReproducesItsStoredOutput) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const std::string stem = testing::data_dir() + "/models/onnx-light/light_" + GetParam();
    const Bytes bytes = *files.read(stem + ".onnx", 1u << 30);
    CompileReport report;
    const auto model = compile(*graph::load(bytes, graph::no_external_data()), {}, &report);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ(report.device, "cpu") << report.device_refusal;
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
    for (const std::size_t threads : {2, 3}) {
        (*session)->use(Crew::create(threads));
        const auto again = (*session)->run(std::span(&input, 1));
        ASSERT_TRUE(again.ok()) << again.status().to_string();
        const ByteView got = again->at(0).bytes(), want = outputs->at(0).bytes();
        EXPECT_TRUE(std::equal(got.begin(), got.end(), want.begin(), want.end()))
            << threads << " threads make other bits";
    }
}

INSTANTIATE_TEST_SUITE_P(Onnx, LightNet,
                         ::testing::Values("bvlc_alexnet", "densenet121", "inception_v1",
                                           "inception_v2", "resnet50", "shufflenet", "squeezenet",
                                           "vgg19", "zfnet512"));

}  // namespace
}  // namespace hf::runtime
