// An inference by several threads makes the bits that one makes: for any grouping of any step's
// pieces, for any number of threads, for several sessions at a time.

#include <numeric>
#include <thread>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "graph/text.h"
#include "runtime/compile.h"
#include "runtime/cpu/model.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime::cpu {
namespace {

std::int64_t some(Rng& rng, std::uint64_t most) {
    return static_cast<std::int64_t>(1 + rng.below(most));
}

// A constant of random reals.
std::string constant(const std::string& name, const Shape& shape, Rng& rng) {
    std::string values;
    for (std::int64_t i = 0; i < shape.elements(); ++i) {
        values += fmt::format("{}{:.4f}", i ? ", " : "", rng.normal());
    }
    return fmt::format("  const %{}: f32[{}] = {{{}}}\n", name, shape.to_string(), values);
}

std::shared_ptr<const CpuModel> compile_cpu(const graph::Graph& graph) {
    CompileOptions options;
    options.device = "cpu";
    options.disabled_kernels = {"onednn"};
    const auto model = compile(graph, options, nullptr);
    EXPECT_TRUE(model.ok()) << model.status().to_string();
    return model.ok() ? std::dynamic_pointer_cast<const CpuModel>(*model) : nullptr;
}

std::shared_ptr<const CpuModel> compile_text(const std::string& text) {
    const auto graph = graph::parse(text);
    EXPECT_TRUE(graph.ok()) << graph.status().to_string() << "\n" << text.substr(0, 500);
    return graph.ok() ? compile_cpu(*graph) : nullptr;
}

std::vector<Tensor> random_inputs(const CompiledModel& model, Rng& rng) {
    std::vector<Tensor> inputs;
    for (const Port& port : model.signature().inputs) {
        inputs.push_back(random_tensor(port.dtype, port.shape, rng));
        if (port.dtype != DType::kF32) continue;
        for (float& x : inputs.back().mutable_values<float>()) x = static_cast<float>(rng.normal());
    }
    return inputs;
}

bool same_bits(const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Tensor& x, const Tensor& y) {
        return std::equal(x.bytes().begin(), x.bytes().end(), y.bytes().begin(), y.bytes().end());
    });
}

// The same by hand: each step in random groups of its pieces, in random order, with two scratches.
std::vector<Tensor> run_in_groups(const CpuModel& model, const std::vector<Tensor>& inputs,
                                  Rng& rng) {
    const auto bytes = [](std::uint64_t count) {
        Tensor tensor(DType::kU8, Shape{static_cast<std::int64_t>(count)});
        for (std::uint8_t& byte : tensor.mutable_bytes())
            byte = 0xFF;  // NaN, where it is not written
        return tensor;
    };
    Tensor arena = bytes(model.plan().arena_bytes), scratch = bytes(model.plan().arena_bytes);
    std::vector<Tensor> outputs;
    std::vector<std::uint8_t*> buffers;
    for (const Port& port : model.signature().outputs) {
        outputs.emplace_back(port.dtype, port.shape);
        buffers.push_back(outputs.back().mutable_bytes().data());
    }
    const Memory memory{arena.mutable_bytes().data(), model.plan().weights.data(), inputs, buffers};
    Memory other = memory;
    other.scratch = scratch.mutable_bytes().data();
    for (const MadeStep& made : model.made_steps()) {
        const std::size_t pieces = made.step->cut().pieces;
        if (pieces == 1) {
            EXPECT_TRUE(made.step->run(memory).ok());
            continue;
        }
        std::vector<Pieces> groups;
        for (std::size_t first = 0; first < pieces;) {
            const std::size_t count = std::min<std::size_t>(1 + rng.below(pieces), pieces - first);
            groups.push_back({first, count});
            first += count;
        }
        for (std::size_t i = groups.size(); i > 1; --i) {
            std::swap(groups[i - 1], groups[rng.below(i)]);
        }
        for (const Pieces& group : groups) {
            EXPECT_TRUE(made.step->run_pieces(rng.chance(1, 2) ? memory : other, group).ok());
        }
    }
    return outputs;
}

void expect_same_bits(const CpuModel& model, Rng& rng, const std::string& what) {
    const std::vector<Tensor> inputs = random_inputs(model, rng);
    const auto session = *model.new_session();
    const auto want = session->run(inputs);
    ASSERT_TRUE(want.ok()) << want.status().to_string();
    for (int round = 0; round < 3; ++round) {
        ASSERT_TRUE(same_bits(run_in_groups(model, inputs, rng), *want)) << what;
    }
    for (const std::size_t threads : {2, 3, 5}) {
        session->use(Crew::create(threads));
        for (int round = 0; round < 2; ++round) {
            const auto got = session->run(inputs);
            ASSERT_TRUE(got.ok() && same_bits(*got, *want)) << threads << " threads: " << what;
        }
    }
    session->use(nullptr);
    ASSERT_TRUE(same_bits(*session->run(inputs), *want)) << what;
}

// Kernels that are cut, of all the model's.
std::size_t cut_steps(const CpuModel& model) {
    std::size_t count = 0;
    for (const MadeStep& made : model.made_steps()) count += made.step->cut().pieces > 1;
    return count;
}

TEST(Threads, ConvolutionsMakeTheSameBits) {
    Rng rng(testing::seed());
    for (int round = 0; round < 60; ++round) {
        const bool depthwise = rng.chance(1, 4);
        const std::int64_t group = depthwise ? some(rng, 40) : rng.chance(1, 4) ? some(rng, 4) : 1;
        const std::int64_t channels = depthwise ? group : group * some(rng, 20);
        const std::int64_t filters = depthwise ? group : group * some(rng, 150);
        const std::int64_t kernel = some(rng, 3), stride = some(rng, 2), pad = rng.below(2);
        const std::int64_t dilation = kernel > 1 ? some(rng, 2) : 1, size = 7 + some(rng, 20);
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %x: f32[{}x{}x{}x{}]\n{}{}"
            "  %c = Conv(%x, %w, %b) {{group = {}, pads = [{}, {}, {}, {}], strides = [{}, {}], "
            "dilations = [{}, {}]}}\n  %y = Relu(%c)\n  output %y\n}}\n",
            some(rng, 3), channels, size, size + 1,
            constant("w", {filters, channels / group, kernel, kernel}, rng),
            constant("b", {filters}, rng), group, pad, pad, pad, pad, stride, stride, dilation,
            dilation);
        const auto model = compile_text(text);
        ASSERT_NE(model, nullptr);
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(*model, rng, text));
    }
}

TEST(Threads, ProductsMakeTheSameBits) {
    Rng rng(testing::seed());
    for (int round = 0; round < 40; ++round) {
        const std::int64_t rows = rng.chance(1, 3) ? 1 : some(rng, 150), depth = some(rng, 60);
        const std::int64_t columns = some(rng, 300), batch = some(rng, 4);
        const bool shared = rng.chance(1, 2);
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %x: f32[{0}x{1}x{2}]\n  input %z: f32[{3}x{2}x{4}]\n{5}{6}"
            "  %a = MatMul(%x, %w)\n  %y = Add(%a, %b)\n  %v = MatMul(%x, %z)\n"
            "  %s = Softmax(%y) @13 {{axis = -1}}\n  output %s\n  output %v\n}}\n",
            batch, rows, depth, shared ? 1 : batch, some(rng, 90),
            constant("w", {depth, columns}, rng), constant("b", {columns}, rng));
        const auto model = compile_text(text);
        ASSERT_NE(model, nullptr);
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(*model, rng, text));
    }
}

TEST(Threads, AttentionMakesTheSameBits) {
    Rng rng(testing::seed());
    for (int round = 0; round < 10; ++round) {
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %q: f32[{0}x{2}x{1}x{4}]\n  input %k: f32[{0}x{3}x{1}x{4}]\n"
            "  input %v: f32[{0}x{3}x{1}x{4}]\n  const %root: f32[] = {{3}}\n"
            "  %qt = Transpose(%q) {{perm = [0, 2, 1, 3]}}\n"
            "  %kt = Transpose(%k) {{perm = [0, 2, 3, 1]}}\n"
            "  %vt = Transpose(%v) {{perm = [0, 2, 1, 3]}}\n"
            "  %a = MatMul(%qt, %kt)\n  %b = Div(%a, %root)\n"
            "  %d = Softmax(%b) @13 {{axis = -1}}\n  %e = MatMul(%d, %vt)\n"
            "  %y = Transpose(%e) {{perm = [0, 2, 1, 3]}}\n  output %y\n}}\n",
            some(rng, 2), 1 + some(rng, 4), 20 + some(rng, 80), 20 + some(rng, 80), some(rng, 40));
        const auto model = compile_text(text);
        ASSERT_NE(model, nullptr);
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(*model, rng, text));
    }
}

TEST(Threads, EverythingElseMakesTheSameBits) {
    Rng rng(testing::seed());
    for (int round = 0; round < 10; ++round) {
        const std::int64_t channels = 3 + some(rng, 40);
        const std::string text = fmt::format(
            "graph \"g\" {{\n  input %x: f32[{0}x{1}x{2}x{3}]\n{4}{5}"
            "  %p = MaxPool(%x) {{kernel_shape = [3, 3], pads = [1, 1, 1, 1]}}\n"
            "  %a = AveragePool(%p) {{kernel_shape = [2, 2], pads = [0, 0, 1, 1]}}\n"
            "  %l = LRN(%a) {{size = 3}}\n  %i = InstanceNormalization(%l, %s, %b)\n"
            "  %j = Concat(%i, %a) {{axis = 1}}\n  %t = Transpose(%j) {{perm = [0, 2, 3, 1]}}\n"
            "  %g = Tanh(%t)\n  %m = Mul(%t, %g)\n"
            "  %z = Softmax(%m) @13 {{axis = 1}}\n"
            "  %n = ReduceMax(%z) {{axes = [1], keepdims = 0}}\n"
            "  %f = Flatten(%m)\n"
            "  %o = GlobalAveragePool(%x)\n"
            "  output %n\n  output %f\n  output %o\n}}\n",
            some(rng, 3), channels, 20 + some(rng, 30), 20 + some(rng, 30),
            constant("s", {channels}, rng), constant("b", {channels}, rng));
        const auto model = compile_text(text);
        ASSERT_NE(model, nullptr);
        EXPECT_GE(cut_steps(*model), 6u);
        ASSERT_NO_FATAL_FAILURE(expect_same_bits(*model, rng, text));
    }
}

class ThreadedModels : public ::testing::TestWithParam<const char*> {};

TEST_P(ThreadedModels, MakeTheSameBits) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    const auto bytes =
        files.read(fmt::format("{}/models/{}", testing::data_dir(), GetParam()), 1 << 24);
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    const auto graph = graph::load(*bytes, nullptr);
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const auto model = compile_cpu(*graph);
    ASSERT_NE(model, nullptr);
    EXPECT_GT(cut_steps(*model), 0u);
    Rng rng(testing::seed());
    expect_same_bits(*model, rng, GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Models, ThreadedModels,
    ::testing::Values("mlperf-tiny/ad01_fp32.tflite", "mlperf-tiny/ad01_int8.tflite",
                      "mlperf-tiny/kws_ref_model.tflite", "mlperf-tiny/pretrainedResnet.tflite",
                      "mlperf-tiny/pretrainedResnet_quant.tflite",
                      "mlperf-tiny/vww_96_float.tflite", "mlperf-tiny/vww_96_int8.tflite",
                      "trained/mnist_cnn.onnx"));

std::shared_ptr<const CpuModel> small_network(Rng& rng) {
    return compile_text(fmt::format(
        "graph \"g\" {{\n  input %x: f32[1x16x30x30]\n{}{}{}"
        "  %a = Conv(%x, %w, %b) {{pads = [1, 1, 1, 1]}}\n  %c = Relu(%a)\n"
        "  %d = Conv(%c, %v, %b) {{pads = [1, 1, 1, 1]}}\n  %y = Add(%d, %c)\n  output %y\n}}\n",
        constant("w", {48, 16, 3, 3}, rng), constant("b", {48}, rng),
        constant("v", {48, 48, 3, 3}, rng)));
}

TEST(Threads, SessionsThatShareACrewNeitherWaitNorMixTheirResults) {
    Rng rng(testing::seed());
    const auto model = small_network(rng);
    ASSERT_NE(model, nullptr);
    const auto crew = Crew::create(3);
    std::vector<std::thread> callers;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 3; ++i) {
        const std::vector<Tensor> inputs = random_inputs(*model, rng);
        const std::vector<Tensor> want = *(*model->new_session())->run(inputs);
        callers.emplace_back([&, inputs, want] {
            const auto session = *model->new_session();
            session->use(crew);
            for (int round = 0; round < 30; ++round) {
                const auto got = session->run(inputs);
                if (!got.ok() || !same_bits(*got, want)) ++wrong;
            }
        });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(wrong, 0);
}

TEST(Threads, ASessionMayEndRightAfterARun) {
    Rng rng(testing::seed());
    const auto model = small_network(rng);
    ASSERT_NE(model, nullptr);
    const std::vector<Tensor> inputs = random_inputs(*model, rng);
    const std::vector<Tensor> want = *(*model->new_session())->run(inputs);
    for (int round = 0; round < 20; ++round) {
        const auto session = *model->new_session();
        session->use(Crew::create(3));
        ASSERT_TRUE(same_bits(*session->run(inputs), want));
    }
}

TEST(Threads, ObserversSeeEveryStepOnce) {
    class Count final : public StepObserver {
    public:
        void begin(std::size_t step) override { EXPECT_EQ(step, begun++); }
        void end(std::size_t step) override { EXPECT_EQ(step, ended++); }
        std::size_t begun = 0, ended = 0;
    };
    Rng rng(testing::seed());
    const auto model = small_network(rng);
    ASSERT_NE(model, nullptr);
    const auto session = *model->new_session();
    session->use(Crew::create(2));
    Count count;
    session->observe(&count);
    ASSERT_TRUE(session->run(random_inputs(*model, rng)).ok());
    EXPECT_EQ(count.begun, model->steps().size());
    EXPECT_EQ(count.ended, model->steps().size());
}

TEST(Threads, SmallStepsStayWhole) {
    EXPECT_EQ(parts_of({1, 1e9}, 8), 1u);
    EXPECT_EQ(parts_of({100, 1e4}, 8), 1u);
    EXPECT_EQ(parts_of({100, 1e9}, 1), 2u);
    EXPECT_EQ(parts_of({3, 1e9}, 8), 3u);
    EXPECT_GE(parts_of({100, 1e9}, 8), 8u);
    EXPECT_LE(parts_of({std::size_t{1} << 40, 1e30}, kMaxThreads), kMaxParts);
}

}  // namespace
}  // namespace hf::runtime::cpu
