// Steady inference takes nothing from the heap: this program's operator new counts. A program of
// its own, since with it AddressSanitizer no longer sees which delete belongs to which new.

#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "runtime/compile.h"
#include "runtime/cpu/model.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace {

thread_local bool counting = false;
thread_local std::size_t allocations = 0;

void* take(std::size_t size, std::size_t alignment) {
    if (counting) ++allocations;
    const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
    void* memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
    if (!memory) std::abort();
    return memory;
}

}  // namespace

// Not inlined, so that the compiler does not take what is freed here for what another allocator
// gave.
[[gnu::noinline]] void* operator new(std::size_t size) {
    return take(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return take(size, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
[[gnu::noinline]] void* operator new(std::size_t size, std::align_val_t alignment) {
    return take(size, static_cast<std::size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
    std::free(memory);
}

namespace hf::runtime::cpu {
namespace {

class SteadyState : public ::testing::TestWithParam<const char*> {};

TEST_P(SteadyState, TakesNothingFromTheHeap) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const auto bytes =
        files.read(fmt::format("{}/models/{}", testing::data_dir(), GetParam()), 1 << 24);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    const auto graph = graph::load(*bytes, nullptr);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    CompileOptions options;
    options.device = "cpu";
    const auto model = compile(*graph, options, nullptr);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    const auto cpu = std::dynamic_pointer_cast<const CpuModel>(*model);
    ASSERT_NE(cpu, nullptr);
    CpuSession session(cpu);
    std::vector<Tensor> inputs, outputs;
    std::vector<std::uint8_t*> buffers;
    for (const Port& port : cpu->signature().inputs) inputs.emplace_back(port.dtype, port.shape);
    for (const Port& port : cpu->signature().outputs) {
        outputs.emplace_back(port.dtype, port.shape);
        buffers.push_back(outputs.back().mutable_bytes().data());
    }
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(session.run_into(inputs, buffers).ok());
    allocations = 0;
    counting = true;
    bool all = true;
    for (int i = 0; i < 100; ++i) all = session.run_into(inputs, buffers).ok() && all;
    counting = false;
    EXPECT_TRUE(all);
    EXPECT_EQ(allocations, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    Models, SteadyState,
    ::testing::Values("mlperf-tiny/ad01_fp32.tflite", "mlperf-tiny/ad01_int8.tflite",
                      "mlperf-tiny/kws_ref_model_float32.tflite",
                      "mlperf-tiny/kws_ref_model.tflite", "mlperf-tiny/pretrainedResnet.tflite",
                      "mlperf-tiny/pretrainedResnet_quant.tflite",
                      "mlperf-tiny/vww_96_float.tflite", "mlperf-tiny/vww_96_int8.tflite",
                      "trained/mnist_cnn.onnx"));

}  // namespace
}  // namespace hf::runtime::cpu
