#include "graph/onnx/export.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "graph/load.h"
#include "graph/onnx/import.h"
#include "testing/script.h"

namespace hf::graph::onnx {
namespace {

constexpr std::string_view kOnnxTestData = "/usr/share/libonnx-testdata/data";

std::string tensor_text(const Tensor& tensor) {
    std::string text = fmt::format("{}[{}] {}", dtype_name(tensor.dtype()),
                                   tensor.shape().to_string(), to_hex(tensor.bytes()));
    if (tensor.dtype() == DType::kString)
        text += fmt::format("{}", fmt::join(tensor.strings(), "|"));
    return text;
}

std::string graph_text(const Graph& graph);

std::string attribute_text(const Attribute& attribute) {
    struct Visitor {
        std::string operator()(std::int64_t value) const { return fmt::format("i {}", value); }
        std::string operator()(float value) const { return fmt::format("f {:a}", value); }
        std::string operator()(const std::string& value) const {
            return "s " + to_hex(as_bytes(value));
        }
        std::string operator()(const std::vector<std::int64_t>& values) const {
            return fmt::format("is {}", fmt::join(values, ","));
        }
        std::string operator()(const std::vector<float>& values) const {
            return fmt::format("fs {:a}", fmt::join(values, ","));
        }
        std::string operator()(const std::vector<std::string>& values) const {
            return fmt::format("ss {}", fmt::join(values, ","));
        }
        std::string operator()(const Tensor& value) const { return "t " + tensor_text(value); }
        std::string operator()(const SubgraphPtr& value) const { return graph_text(*value); }
    };
    return std::visit(Visitor{}, attribute);
}

std::string value_text(const Value& value) {
    std::string text = fmt::format("{} kind {}", value.name, static_cast<int>(value.kind));
    if (value.dtype) text += fmt::format(" {}", dtype_name(*value.dtype));
    if (value.shape) text += fmt::format(" [{}]", value.shape->to_string());
    if (value.constant) text += " = " + tensor_text(*value.constant);
    return text;
}

std::string names(const Graph& graph, const std::vector<ValueId>& ids) {
    std::string text;
    for (ValueId id : ids) text += (id == kNoValue ? "-" : graph.value(id).name) + " ";
    return text;
}

// All that a graph says, but for the numbers of its values: those depend on where constants stood.
std::string graph_text(const Graph& graph) {
    std::vector<std::string> values;
    for (const Value& value : graph.values) values.push_back(value_text(value));
    std::sort(values.begin(), values.end());
    std::string text =
        fmt::format("graph {}\nin {}\nout {}\n{}\n", graph.name, names(graph, graph.inputs),
                    names(graph, graph.outputs), fmt::join(values, "\n"));
    for (const Node& node : graph.nodes) {
        text += fmt::format("{} {} : {} -> {}\n", node.describe(), node.opset,
                            names(graph, node.inputs), names(graph, node.outputs));
        for (const auto& [name, attribute] : node.attributes) {
            text += fmt::format("  {} = {}\n", name, attribute_text(attribute));
        }
    }
    for (const auto& [key, value] : graph.metadata) text += key + " = " + value + "\n";
    return text;
}

Result<Graph> reimport(const Graph& graph) {
    const Bytes bytes = HF_TRY(export_model(graph));
    return import_model(bytes, no_external_data());
}

void expect_same_after_export(const Graph& graph) {
    const Result<Graph> again = reimport(graph);
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ(graph_text(*again), graph_text(graph));
    EXPECT_EQ(*export_model(*again), *export_model(*reimport(*again)));
}

ValueId add_port(Graph& graph, std::string name, Shape shape) {
    Value value;
    value.name = std::move(name);
    value.dtype = DType::kF32;
    value.shape = std::move(shape);
    return graph.add_value(std::move(value));
}

Node make_node(std::string op, std::vector<ValueId> inputs, std::vector<ValueId> outputs) {
    Node node;
    node.op = std::move(op);
    node.name = node.op + "_1";
    node.opset = 17;
    node.inputs = std::move(inputs);
    node.outputs = std::move(outputs);
    return node;
}

// One Add of an input and a constant.
Graph small_graph() {
    Graph graph;
    graph.name = "small";
    graph.inputs = {add_port(graph, "x", {Shape::kUnknown, 3})};
    const std::vector<float> values{1.5f, -0.0f, 3};
    const ValueId constant =
        graph.add_constant("c", Tensor::of<float>(DType::kF32, {3}, std::span(values)));
    graph.outputs = {add_port(graph, "y", {Shape::kUnknown, 3})};
    graph.nodes.push_back(make_node("Add", {graph.inputs[0], constant}, {graph.outputs[0]}));
    graph.metadata = {{"producer", "holdfast"}, {"threshold", "1.0"}};
    return graph;
}

TEST(OnnxExport, SmallGraphsComeBack) {
    expect_same_after_export(small_graph());
}

TEST(OnnxExport, EveryKindOfAttributeComesBack) {
    Graph graph = small_graph();
    auto body = std::make_shared<Graph>();
    body->name = "body";
    Value captured;
    captured.name = "x";
    body->captures = {body->add_value(std::move(captured))};
    body->outputs = {add_port(*body, "inner", {})};
    body->nodes.push_back(make_node("Identity", {body->captures[0], kNoValue}, {body->outputs[0]}));
    const std::vector<std::int64_t> numbers{-1, 1};
    Node& node = graph.nodes[0];
    node.attributes = {{"i", std::int64_t{-7}},
                       {"f", 0.1f},
                       {"s", std::string("\0\xff", 2)},
                       {"is", std::vector<std::int64_t>{1, -2, INT64_MIN}},
                       {"fs", std::vector<float>{1, -2}},
                       {"ss", std::vector<std::string>{"", "a"}},
                       {"none", std::vector<std::int64_t>{}},
                       {"t", Tensor::of<std::int64_t>(DType::kI64, {2}, std::span(numbers))},
                       {"ts", Tensor::of_strings({2, 1}, {"", "b"})},
                       {"empty", Tensor(DType::kF16, {0, 4})},
                       {"g", SubgraphPtr(body)}};
    expect_same_after_export(graph);
}

TEST(OnnxExport, EveryElementTypeComesBack) {
    Rng rng(testing::seed());
    for (int number = 1; number <= 16; ++number) {
        const DType dtype = static_cast<DType>(number);
        Graph graph = small_graph();
        Tensor tensor(dtype, {2, 3});
        for (std::uint8_t& byte : tensor.mutable_bytes()) {
            byte = static_cast<std::uint8_t>(rng.next());
        }
        graph.add_constant("k", std::move(tensor));
        expect_same_after_export(graph);
    }
}

TEST(OnnxExport, SameGraphSameBytes) {
    EXPECT_EQ(*export_model(small_graph()), *export_model(small_graph()));
}

TEST(OnnxExport, RefusesWhatOnnxCannotSay) {
    const auto message = [](const Graph& graph) {
        return export_model(graph).status().to_string();
    };
    Graph graph = small_graph();
    graph.nodes[0].domain = "tflite";
    EXPECT_EQ(message(graph), "UNIMPLEMENTED: Add 'Add_1' (tflite): ONNX has no such operator");

    graph = small_graph();
    graph.nodes.push_back(graph.nodes[0]);
    graph.nodes[1].opset = 16;
    EXPECT_EQ(message(graph),
              "FAILED_PRECONDITION: Add 'Add_1' (ai.onnx) is of opset 16 and others of its domain "
              "are of 17");

    graph = small_graph();
    graph.value(graph.outputs[0]).dtype.reset();
    EXPECT_EQ(message(graph),
              "FAILED_PRECONDITION: output 'y' has no element type: infer types first");

    graph = small_graph();
    graph.value(graph.inputs[0]).quantization = Quantization{{0.5f}, {0}, 0};
    EXPECT_EQ(message(graph),
              "UNIMPLEMENTED: value 'x' is quantised in a way that ONNX has no words for");

    auto body = std::make_shared<Graph>();
    for (int depth = 0; depth < kMaxSubgraphDepth + 1; ++depth) {
        auto outer = std::make_shared<Graph>();
        outer->nodes.push_back(make_node("If", {}, {}));
        outer->nodes[0].attributes = {{"then_branch", SubgraphPtr(body)}};
        body = outer;
    }
    EXPECT_EQ(message(*body), "RESOURCE_EXHAUSTED: subgraphs are nested deeper than 16");
}

// With HF_EXPORT_DIR set, leaves what it wrote there for other readers of ONNX to check.
TEST(OnnxExport, EveryOnnxTestModelComesBack) {
    if (!std::filesystem::exists(kOnnxTestData)) GTEST_SKIP() << "needs libonnx-testdata";
    const char* folder = std::getenv("HF_EXPORT_DIR");
    int same = 0;
    int refused = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(kOnnxTestData)) {
        if (entry.path().filename() != "model.onnx") continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const Bytes bytes(std::istreambuf_iterator<char>(file), {});
        const Result<Graph> graph = import_model(bytes, no_external_data());
        if (!graph.ok()) continue;
        const Result<Bytes> exported = export_model(*graph);
        if (!exported.ok()) {
            EXPECT_EQ(exported.status().code(), Code::kUnimplemented) << entry.path();
            EXPECT_NE(exported.status().message().find("is no tensor"), std::string::npos)
                << entry.path() << ": " << exported.status().to_string();
            ++refused;
            continue;
        }
        SCOPED_TRACE(entry.path().string());
        expect_same_after_export(*graph);
        ++same;
        if (folder) {
            const std::string name = entry.path().parent_path().filename().string() + ".onnx";
            std::ofstream(std::string(folder) + "/" + name, std::ios::binary) << as_text(*exported);
        }
    }
    EXPECT_GE(same, 1000);
    EXPECT_LE(refused, 60);
    RecordProperty("same", same);
    RecordProperty("refused", refused);
}

}  // namespace
}  // namespace hf::graph::onnx
