// Memory over a long time: many inferences of one model, and many shapes of another, leave the
// resident size where it was. HF_INFERENCES asks for more than a usual run has: a million.

#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "runtime/by_shape.h"
#include "runtime/compile.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr std::int64_t kMostGrowth = 1 << 20;  // bytes

std::int64_t resident_bytes() {
    std::int64_t all = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * ::sysconf(_SC_PAGESIZE);
}

int inferences(int usual) {
    const char* text = std::getenv("HF_INFERENCES");
    return text ? std::max(usual, std::atoi(text)) : usual;
}

std::shared_ptr<const CompiledModel> load(const std::string& name) {
    testing::DiskFiles files;
    const auto bytes = files.read(fmt::format("{}/models/{}", testing::data_dir(), name), 1 << 26);
    EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
    if (!bytes.ok()) return nullptr;
    auto graph = graph::load(*bytes, nullptr);
    EXPECT_TRUE(graph.ok()) << graph.status().to_string();
    if (!graph.ok()) return nullptr;
    auto model = compile(std::move(*graph), {}, nullptr);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    return model.ok() ? *model : nullptr;
}

TEST(SteadyMemory, ManyInferencesOfOneModel) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto model = load("mlperf-tiny/kws_ref_model.tflite");
    ASSERT_TRUE(model);
    auto session = model->new_session();
    ASSERT_TRUE(session.ok());
    std::vector<Tensor> inputs;
    for (const Port& port : model->signature().inputs) inputs.emplace_back(port.dtype, port.shape);
    const auto run = [&](int count) {
        for (int i = 0; i < count; ++i) ASSERT_TRUE((*session)->run(inputs).ok());
    };
    run(1000);
    const std::int64_t before = resident_bytes();
    run(inferences(20'000));
    EXPECT_LE(resident_bytes() - before, kMostGrowth);
}

TEST(SteadyMemory, ManyShapesOfOneModel) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    const auto model = load("trained/bert_toy_optimized.onnx");
    ASSERT_TRUE(model);
    EXPECT_EQ(model->device(), "cpu");
    auto session = model->new_session();
    ASSERT_TRUE(session.ok());
    Rng rng(testing::seed());
    const auto run = [&](int count) {
        for (int i = 0; i < count; ++i) {
            const auto batch = static_cast<std::int64_t>(1 + rng.below(4));
            const auto length = static_cast<std::int64_t>(1 + rng.below(32));
            std::vector<Tensor> inputs;
            for (const Port& port : model->signature().inputs) {
                inputs.emplace_back(port.dtype, Shape{batch, length});
            }
            const auto outputs = (*session)->run(inputs);
            ASSERT_TRUE(outputs.ok()) << outputs.status().to_string();
        }
    };
    run(300);  // many times what is kept
    const std::int64_t before = resident_bytes();
    run(1000);
    EXPECT_LE(resident_bytes() - before, kMostGrowth);
}

}  // namespace
}  // namespace hf::runtime
