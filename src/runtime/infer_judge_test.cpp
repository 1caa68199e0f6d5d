// Shape inference against what the reference device really produces: on every ONNX backend case and
// every real model, each inferred dtype and shape must be the computed one, and each element that
// inference claims to know must have that value.

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/infer.h"
#include "graph/load.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/verify.h"
#include "runtime/ref/interpreter.h"
#include "runtime/ref/ops/common.h"
#include "testing/disk_files.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

constexpr const char* kCases = "/usr/include/onnx/backend/test/data";
constexpr std::uint64_t kMaxModelBytes = 256u << 20;

struct Tally {
    std::size_t graphs = 0, nodes = 0, known = 0, not_run = 0;
    std::map<std::string, int> unknown_by_op;
};

// The part of a graph that the reference device can run, with every value as an output.
graph::Graph runnable(const graph::Graph& graph) {
    graph::Graph part = graph;
    part.nodes.clear();
    part.outputs.clear();
    std::vector<bool> available(graph.values.size(), false);
    for (std::size_t i = 0; i < graph.values.size(); ++i) {
        available[i] = graph.values[i].constant.has_value();
    }
    for (graph::ValueId id : graph.inputs) available[id.value()] = true;
    for (const graph::Node& node : graph.nodes) {
        bool can = ref::find_op(node.domain, node.op) != nullptr;
        for (graph::ValueId id : node.inputs) {
            can = can && (id == graph::kNoValue || available[id.value()]);
        }
        if (!can) continue;
        part.nodes.push_back(node);
        for (graph::ValueId id : node.outputs) {
            if (id == graph::kNoValue) continue;
            available[id.value()] = true;
            part.outputs.push_back(id);
        }
    }
    return part;
}

void expect_content(const graph::Content& content, const Tensor& tensor, const std::string& where) {
    const std::vector<double> values = *ref::to_doubles(tensor);
    ASSERT_EQ(values.size(), content.size()) << where;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const bool fits = std::isnan(content[i]) || content[i] == values[i];
        EXPECT_TRUE(fits) << where << " element " << i << ": " << content[i];
    }
}

void expect_type(const graph::Value& value, const Tensor& tensor, const std::string& where) {
    EXPECT_EQ(dtype_name(value.dtype.value_or(tensor.dtype())), dtype_name(tensor.dtype()))
        << where;
    if (!value.shape) return;
    bool fits = value.shape->rank() == tensor.shape().rank();
    for (std::size_t i = 0; fits && i < value.shape->rank(); ++i) {
        fits = (*value.shape)[i] == Shape::kUnknown || (*value.shape)[i] == tensor.shape()[i];
    }
    EXPECT_TRUE(fits) << where << ": " << value.shape->to_string() << " against "
                      << tensor.shape().to_string();
}

// What the reference device computes for each value, as far as it can.
std::map<graph::ValueId, Tensor> compute(const graph::Graph& graph,
                                         const std::vector<Tensor>& inputs, Tally& tally) {
    std::map<graph::ValueId, Tensor> by_value;
    const graph::Graph part = runnable(graph);
    const std::vector<Datum> data(inputs.begin(), inputs.end());
    const auto computed = ref::evaluate_data(part, data);
    if (!computed.ok()) {
        ++tally.not_run;
        return by_value;
    }
    for (std::size_t i = 0; i < part.outputs.size(); ++i) {
        const Tensor* tensor = (*computed)[i].tensor();
        if (tensor) by_value.emplace(part.outputs[i], *tensor);
    }
    return by_value;
}

void judge(graph::Graph graph, const std::vector<Tensor>& inputs, const std::string& name,
           Tally& tally) {
    graph::InferOptions options;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        options.input_shapes.emplace_back(graph.value(graph.inputs.at(i)).name, inputs[i].shape());
    }
    graph::Contents contents;
    const Status status = graph::infer_shapes(graph, options, &contents);
    ASSERT_TRUE(status.ok()) << name << ": " << status.to_string();
    EXPECT_TRUE(graph::verify(graph).ok()) << name;
    ++tally.graphs;
    const std::map<graph::ValueId, Tensor> computed = compute(graph, inputs, tally);
    for (const graph::Node& node : graph.nodes) {
        ++tally.nodes;
        bool all_known = true;
        for (graph::ValueId id : node.outputs) {
            if (id == graph::kNoValue) continue;
            const graph::Value& value = graph.value(id);
            all_known = all_known && value.dtype && value.shape && value.shape->is_known();
            const auto found = computed.find(id);
            if (found == computed.end()) continue;
            const std::string where = name + ": " + node.describe() + " '" + value.name + "'";
            expect_type(value, found->second, where);
            const auto& content = contents.by_value[id.value()];
            if (content) expect_content(*content, found->second, where);
        }
        tally.known += all_known;
        if (!all_known) ++tally.unknown_by_op[node.op];
    }
}

void report(const Tally& tally) {
    std::printf("%zu graphs, %zu nodes: %zu known, %zu unknown; %zu graphs did not run\n",
                tally.graphs, tally.nodes, tally.known, tally.nodes - tally.known, tally.not_run);
    for (const auto& [op, count] : tally.unknown_by_op) std::printf("  %s %d", op.c_str(), count);
    std::printf("\n");
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

// A few cases give inputs of another shape than they declare.
bool fits(const graph::Graph& graph, const std::vector<Tensor>& inputs) {
    graph::InferOptions options;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        options.input_shapes.emplace_back(graph.value(graph.inputs[i]).name, inputs[i].shape());
    }
    graph::Graph copy = graph;
    copy.nodes.clear();
    return graph::infer_shapes(copy, options).ok();
}

TEST(InferJudge, TheReferenceDeviceAgreesOnTheOnnxBackendCases) {
    if (!std::filesystem::exists(kCases)) GTEST_SKIP() << "needs the package libonnx-testdata";
    testing::DiskFiles files;
    Tally tally;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kCases)) {
        if (entry.path().filename() != "model.onnx") continue;
        const std::string folder = entry.path().parent_path();
        auto graph = graph::load(*files.read(entry.path().string(), kMaxModelBytes),
                                 graph::no_external_data());
        if (!graph.ok()) continue;
        const std::vector<Tensor> inputs = read_inputs(files, folder);
        if (inputs.size() != graph->inputs.size() || !fits(*graph, inputs)) continue;
        judge(*std::move(graph), inputs, folder, tally);
    }
    report(tally);
    EXPECT_GE(tally.graphs, 900u);
    EXPECT_GE(tally.known * 100, tally.nodes * 90);
}

// Inputs that models accept: token ids small, extents that are open set to 1.
std::vector<Tensor> made_up_inputs(const graph::Graph& graph, Rng& rng) {
    std::vector<Tensor> inputs;
    for (graph::ValueId id : graph.inputs) {
        const graph::Value& value = graph.value(id);
        std::vector<std::int64_t> extents;
        for (std::int64_t extent : value.shape.value_or(Shape())) {
            extents.push_back(extent == Shape::kUnknown ? 1 : extent);
        }
        inputs.push_back(
            random_tensor(value.dtype.value_or(DType::kF32), Shape(std::move(extents)), rng));
    }
    return inputs;
}

TEST(InferJudge, TheReferenceDeviceAgreesOnRealModels) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    testing::DiskFiles files;
    Rng rng(testing::seed());
    for (const char* folder : {"trained", "with-outputs", "mlperf-tiny"}) {
        for (const auto& entry : std::filesystem::recursive_directory_iterator(
                 testing::data_dir() + "/models/" + folder)) {
            const auto extension = entry.path().extension();
            if (extension != ".onnx" && extension != ".tflite") continue;
            if (entry.file_size() > 16u << 20) continue;
            auto graph = graph::load(*files.read(entry.path().string(), kMaxModelBytes),
                                     graph::no_external_data());
            if (!graph.ok()) continue;
            Tally tally;
            const std::vector<Tensor> inputs = made_up_inputs(*graph, rng);
            judge(*std::move(graph), inputs, entry.path().filename(), tally);
            std::printf("%s: ", entry.path().filename().c_str());
            report(tally);
        }
    }
}

}  // namespace
}  // namespace hf::runtime
