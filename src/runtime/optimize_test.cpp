// Passes against no passes: on the reference device a graph gives the same before and after, on
// every ONNX backend case, on real models, and on random graphs.

#include "runtime/optimize.h"

#include <cstdio>
#include <filesystem>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/text.h"
#include "graph/verify.h"
#include "passes/pipeline.h"
#include "runtime/conform.h"
#include "runtime/ref/interpreter.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr const char* kCases = "/usr/include/onnx/backend/test/data";
constexpr std::uint64_t kMaxModelBytes = 256u << 20;

struct Tally {
    std::size_t graphs = 0, compared = 0, nodes_before = 0, nodes_after = 0;
};

std::vector<std::string> port_names(const graph::Graph& graph) {
    std::vector<std::string> names;
    for (graph::ValueId id : graph.inputs) names.push_back(graph.value(id).name);
    for (graph::ValueId id : graph.outputs) names.push_back(graph.value(id).name);
    return names;
}

void judge(const graph::Graph& before, const std::vector<Tensor>& inputs, const std::string& name,
           Tally& tally) {
    graph::Graph after = before;
    CompileReport report;
    const Status status = optimize(after, {}, report);
    ASSERT_TRUE(status.ok()) << name << ": " << status.to_string();
    EXPECT_TRUE(graph::verify(after).ok()) << name;
    EXPECT_EQ(port_names(before), port_names(after)) << name;
    ++tally.graphs;
    tally.nodes_before += before.nodes.size();
    tally.nodes_after += after.nodes.size();
    const auto want = ref::evaluate_graph(before, inputs);
    const auto got = ref::evaluate_graph(after, inputs);
    EXPECT_TRUE(got.ok() || !want.ok()) << name << ": " << got.status().to_string();
    if (!want.ok() || !got.ok()) return;
    ++tally.compared;
    ASSERT_EQ(want->size(), got->size()) << name;
    // Folding rounds elsewhere than the layers do; sums that cancel show it absolutely.
    const Tolerance tolerance{1e-3, 1e-4};
    for (std::size_t i = 0; i < want->size(); ++i) {
        const Status same = same_tensor((*got)[i], (*want)[i], tolerance);
        EXPECT_TRUE(same.ok()) << name << " output " << i << ": " << same.to_string() << "\n"
                               << graph::print(after, {.shortened = true});
    }
}

void report(const char* what, const Tally& tally) {
    std::printf("%s: %zu graphs, %zu compared, %zu nodes became %zu\n", what, tally.graphs,
                tally.compared, tally.nodes_before, tally.nodes_after);
}

std::vector<Tensor> read_inputs(env::Files& files, const std::string& folder) {
    std::vector<Tensor> inputs;
    for (;;) {
        const auto bytes = files.read(
            fmt::format("{}/test_data_set_0/input_{}.pb", folder, inputs.size()), kMaxModelBytes);
        if (!bytes.ok()) return inputs;
        auto tensor = graph::onnx::parse_tensor_proto(*bytes);
        if (!tensor.ok()) return inputs;
        inputs.push_back(*std::move(tensor));
    }
}

bool is_random(const graph::Graph& graph) {
    for (const graph::Node& node : graph.nodes) {
        if (node.op.starts_with("Random") || node.op == "Bernoulli") return true;
    }
    return false;
}

TEST(Optimize, TheOnnxBackendCasesStayTheSame) {
    if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "needs the package libonnx-testdata";
    testing::DiskFiles files;
    Tally tally;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kCases)) {
        if (entry.path().filename() != "model.onnx") continue;
        const std::string folder = entry.path().parent_path();
        const auto graph = graph::load(*files.read(entry.path().string(), kMaxModelBytes),
                                       graph::no_external_data());
        if (!graph.ok() || is_random(*graph)) continue;
        const std::vector<Tensor> inputs = read_inputs(files, folder);
        if (inputs.size() == graph->inputs.size()) judge(*graph, inputs, folder, tally);
    }
    report("backend cases", tally);
    EXPECT_GE(tally.compared, 700u);
}

TEST(Optimize, RealModelsStayTheSame) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    Rng rng(testing::seed());
    for (const char* name :
         {"trained/mnist_cnn.onnx", "trained/cnn_mnist_pytorch.onnx", "trained/face_rfb_320.onnx",
          "trained/bert_toy_optimized.onnx", "mlperf-tiny/kws_ref_model.tflite",
          "mlperf-tiny/pretrainedResnet_quant.tflite", "with-outputs/deconv_group/model.onnx",
          "with-outputs/byte_sb_bidi_lstm/model.onnx"}) {
        const auto bytes = files.read(testing::data_dir() + "/models/" + name, kMaxModelBytes);
        ASSERT_TRUE(bytes.ok()) << name;
        const auto graph = graph::load(*bytes, graph::no_external_data());
        ASSERT_TRUE(graph.ok()) << name << ": " << graph.status().to_string();
        std::vector<Tensor> inputs;
        for (graph::ValueId id : graph->inputs) {
            std::vector<std::int64_t> extents;
            for (std::int64_t extent : graph->value(id).shape.value_or(Shape())) {
                extents.push_back(extent == Shape::kUnknown ? 1 : extent);
            }
            inputs.push_back(random_tensor(graph->value(id).dtype.value_or(DType::kF32),
                                           Shape(std::move(extents)), rng));
        }
        Tally tally;
        judge(*graph, inputs, name, tally);
        report(name, tally);
    }
}

// Random graphs of images: every step takes values made before it.
class RandomGraph final {
public:
    explicit RandomGraph(std::uint64_t seed) : rng_(seed) {
        line("input %v0: f32[1x4x6x6]");
        for (int i = 0; i < 12; ++i) step();
        // Several outputs, some of them taken by others too.
        line("output " + any());
        line("output " + value(count_));
    }

    std::string text() const { return "graph \"random\" {\n" + text_ + "}\n"; }

private:
    std::string value(unsigned number) const { return fmt::format("%v{}", number); }
    std::string any() { return value(static_cast<unsigned>(rng_.below(count_ + 1u))); }
    std::string fresh() { return value(++count_); }
    void line(const std::string& line) { text_ += "  " + line + "\n"; }

    std::string constant(const std::string& shape) {
        const std::string name = fmt::format("%c{}", constants_++);
        line(fmt::format("const {}: f32[{}] = random({})", name, shape, rng_.below(1000)));
        return name;
    }

    // Every value keeps the shape 1x4x6x6, so that any fits anywhere.
    void step() {
        const std::string in = any();
        switch (rng_.below(13)) {
            case 0: return convolution(in);
            case 1: return batch_norm(in);
            case 2: return line(fmt::format("{} = Relu({})", fresh(), in));
            case 3: return sum(in);
            case 4: return pool(in);
            case 5: return line(fmt::format("{} = Identity({})", fresh(), in));
            case 6: return scale(in);
            case 7: return turns(in);
            case 8: return concat(in);
            case 9: return reshapes(in);
            case 10: return line(fmt::format("{} = HardSwish({})", fresh(), in));
            case 11: return spread(in);
            default: return convolution(value(count_));
        }
    }

    void convolution(const std::string& in) {
        const bool depthwise = rng_.chance(1, 3);
        const std::string weights = constant(depthwise ? "4x1x3x3" : "4x4x3x3");
        const std::string bias = rng_.chance(1, 2) ? constant("4") : "_";
        line(fmt::format("{} = Conv({}, {}, {}) {{group = {}, pads = [1, 1, 1, 1]}}", fresh(), in,
                         weights, bias, depthwise ? 4 : 1));
    }

    void batch_norm(const std::string& in) {
        const std::string scale = constant("4"), bias = constant("4"), mean = constant("4");
        const std::string variance = fmt::format("%c{}", constants_++);
        line(fmt::format("const {}: f32[4] = {{1, 2, 0.5, 0.25}}", variance));
        line(fmt::format("{} = BatchNormalization({}, {}, {}, {}, {})", fresh(), in, scale, bias,
                         mean, variance));
    }

    void sum(const std::string& in) {
        const std::string other = any();
        line(fmt::format("{} = {}({}, {})", fresh(), rng_.chance(1, 2) ? "Add" : "Sub", in, other));
    }

    void pool(const std::string& in) {
        line(fmt::format("{} = {}({}) {{kernel_shape = [3, 3], pads = [1, 1, 1, 1]}}", fresh(),
                         rng_.chance(1, 2) ? "MaxPool" : "AveragePool", in));
    }

    void scale(const std::string& in) {
        const std::string factor = constant(rng_.chance(1, 2) ? "4x1x1" : "6");
        line(fmt::format("{} = Mul({}, {})", fresh(), factor, in));
    }

    void turns(const std::string& in) {
        line(fmt::format("%t{} = Transpose({}) {{perm = [0, 2, 3, 1]}}", ++others_, in));
        line(fmt::format("%u{0} = LeakyRelu(%t{0})", others_));
        line(fmt::format("{} = Transpose(%u{}) {{perm = [0, 3, 1, 2]}}", fresh(), others_));
    }

    void concat(const std::string& in) {
        const std::string other = any();
        line(fmt::format("%t{} = Concat({}, {}) {{axis = 1}}", ++others_, in, other));
        const std::string weights = constant("4x8x1x1");
        line(fmt::format("{} = Conv(%t{}, {})", fresh(), others_, weights));
    }

    void reshapes(const std::string& in) {
        const std::string shape = fmt::format("%s{}", ++others_);
        line(fmt::format("{} = Shape({})", shape, in));
        line(fmt::format("%t{} = Flatten({})", others_, in));
        line(fmt::format("{} = Reshape(%t{}, {})", fresh(), others_, shape));
    }

    // One number a channel, multiplied back in, as in squeeze-and-excite.
    void spread(const std::string& in) {
        line(fmt::format("%t{} = GlobalAveragePool({})", ++others_, in));
        line(fmt::format("%u{0} = Sigmoid(%t{0})", others_));
        line(fmt::format("{} = Mul({}, %u{})", fresh(), in, others_));
    }

    Rng rng_;
    std::string text_;
    unsigned count_ = 0;
    int constants_ = 0, others_ = 0;
};

TEST(Optimize, RandomGraphsStayTheSame) {
    Rng rng(testing::seed());
    Tally tally;
    for (int round = 0; round < 200; ++round) {
        const std::string text = RandomGraph(rng.next()).text();
        const auto graph = graph::parse(text);
        ASSERT_TRUE(graph.ok()) << graph.status().to_string() << "\n" << text;
        const std::vector<Tensor> inputs{random_tensor(DType::kF32, {1, 4, 6, 6}, rng)};
        judge(*graph, inputs, fmt::format("round {}\n{}", round, text), tally);
        if (HasFailure()) return;
    }
    report("random graphs", tally);
    EXPECT_EQ(tally.compared, 200u);
}

TEST(Optimize, MutatedModelsAreAnsweredWithoutACrash) {
    if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "needs the package libonnx-testdata";
    testing::DiskFiles files;
    Rng rng(testing::seed());
    std::size_t optimized = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kCases)) {
        if (entry.path().filename() != "model.onnx" || entry.file_size() > 4096) continue;
        const Bytes good = *files.read(entry.path().string(), kMaxModelBytes);
        for (int round = 0; round < 4; ++round) {
            Bytes bytes = good;
            for (int i = 0; i < 2; ++i) {
                bytes[rng.below(bytes.size())] = static_cast<std::uint8_t>(rng.below(130));
            }
            auto graph = graph::load(bytes, graph::no_external_data());
            CompileReport report;
            if (!graph.ok() || !optimize(*graph, {}, report).ok()) continue;
            EXPECT_TRUE(graph::verify(*graph).ok()) << entry.path();
            ++optimized;
        }
    }
    EXPECT_GE(optimized, 500u);
}

TEST(Optimize, WrongNamesAndShapesAreRefused) {
    graph::Graph graph = *graph::parse("graph \"g\" { input %x: f32[?x2] output %x }");
    CompileReport report;
    CompileOptions options;
    options.disabled_passes = {"fuse-layer"};
    EXPECT_EQ(optimize(graph, options, report).code(), Code::kInvalidArgument);
    options = {};
    options.input_shapes = {{"x", Shape{3, 4}}};
    EXPECT_EQ(optimize(graph, options, report).code(), Code::kInvalidArgument);
}

TEST(Optimize, OpenExtentsBecomeOneWhereTheDeviceNeedsThemFixed) {
    const graph::Graph open =
        *graph::parse("graph \"g\" { input %x: f32[?x2] %y = Relu(%x) output %y }");
    for (const char* device : {"ref", "auto", "cpu"}) {
        graph::Graph graph = open;
        CompileReport report;
        CompileOptions options;
        options.device = device;
        ASSERT_TRUE(optimize(graph, options, report).ok());
        const Shape want{options.device == "cpu" ? 1 : Shape::kUnknown, 2};
        EXPECT_EQ(graph.value(graph.outputs[0]).shape, want) << device;
    }
}

}  // namespace
}  // namespace hf::runtime
