#include "graph/text.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/rng.h"
#include "graph/load.h"
#include "testing/script.h"

namespace hf::graph {
namespace {

TEST(GraphText, ReadsAndWrites) {
    testing::run_text_test("src/graph/testdata/text.txt", [](const testing::TextCommand& command) {
        const Result<Graph> graph = parse(command.input);
        if (!graph.ok()) return fmt::format("error: {}\n", graph.status().message());
        const std::string once = print(*graph);
        const Result<Graph> again = parse(once);
        if (!again.ok()) {
            return fmt::format("cannot read back: {}\n{}", again.status().message(), once);
        }
        EXPECT_EQ(print(*again), once);
        return once;
    });
}

// What differs between two graphs, by the names of values; independent of the printer.
std::string difference(const Graph& a, const Graph& b);

bool same_bytes(const Tensor& a, const Tensor& b) {
    if (a.dtype() != b.dtype() || a.shape() != b.shape()) return false;
    if (a.dtype() == DType::kString) return a.strings() == b.strings();
    return as_text(a.bytes()) == as_text(b.bytes());
}

struct SameAttribute {
    bool operator()(float a, float b) const { return std::memcmp(&a, &b, sizeof a) == 0; }
    bool operator()(const Tensor& a, const Tensor& b) const { return same_bytes(a, b); }
    bool operator()(const SubgraphPtr& a, const SubgraphPtr& b) const {
        return difference(*a, *b).empty();
    }
    bool operator()(const std::vector<float>& a, const std::vector<float>& b) const {
        return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
    }
    template <typename T>
    bool operator()(const T& a, const T& b) const {
        return a == b;
    }
    template <typename T, typename U>
    bool operator()(const T&, const U&) const {
        return false;
    }
};

std::vector<std::string> names(const Graph& graph, const std::vector<ValueId>& ids) {
    std::vector<std::string> names;
    for (ValueId id : ids) names.push_back(id == kNoValue ? "" : graph.value(id).name);
    return names;
}

std::string value_difference(const Value& a, const Value& b) {
    if (a.kind != b.kind || a.dtype != b.dtype || a.shape != b.shape) return "type of " + a.name;
    if (a.constant.has_value() != b.constant.has_value()) return "constancy of " + a.name;
    if (a.constant && !same_bytes(*a.constant, *b.constant)) return "constant " + a.name;
    if (a.quantization.has_value() != b.quantization.has_value()) return "quantisation " + a.name;
    if (a.quantization && (a.quantization->scales != b.quantization->scales ||
                           a.quantization->zero_points != b.quantization->zero_points ||
                           a.quantization->axis != b.quantization->axis)) {
        return "quantisation of " + a.name;
    }
    return {};
}

std::string difference(const Graph& a, const Graph& b) {
    if (a.name != b.name || a.metadata != b.metadata) return "name or metadata";
    if (a.values.size() != b.values.size() || a.nodes.size() != b.nodes.size()) return "sizes";
    for (const auto member : {&Graph::inputs, &Graph::outputs, &Graph::captures}) {
        if (names(a, a.*member) != names(b, b.*member)) return "inputs, outputs or captures";
    }
    for (const Value& value : a.values) {
        const auto other = b.find_value(value.name);
        if (!other) return "no value " + value.name;
        if (auto found = value_difference(value, b.value(*other)); !found.empty()) return found;
    }
    for (std::size_t i = 0; i < a.nodes.size(); ++i) {
        const Node& x = a.nodes[i];
        const Node& y = b.nodes[i];
        if (x.name != y.name || x.op != y.op || x.domain != y.domain || x.opset != y.opset ||
            names(a, x.inputs) != names(b, y.inputs) ||
            names(a, x.outputs) != names(b, y.outputs) ||
            x.attributes.size() != y.attributes.size()) {
            return "node " + x.describe();
        }
        for (const auto& [name, attribute] : x.attributes) {
            const auto other = y.attributes.find(name);
            if (other == y.attributes.end() ||
                !std::visit(SameAttribute(), attribute, other->second)) {
                return "attribute " + name + " of " + x.describe();
            }
        }
    }
    return {};
}

TEST(GraphText, EveryRealModelSurvivesTheRoundTrip) {
    if (testing::data_dir().empty()) GTEST_SKIP() << testing::kNoData;
    int checked = 0;
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(testing::data_dir() + "/models")) {
        const auto extension = entry.path().extension();
        if (extension != ".onnx" && extension != ".tflite") continue;
        if (entry.file_size() > 4u << 20) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const Bytes bytes(std::istreambuf_iterator<char>(file), {});
        const Result<Graph> graph = load(bytes, no_external_data());
        if (!graph.ok()) continue;
        const Result<Graph> again = parse(print(*graph));
        ASSERT_TRUE(again.ok()) << entry.path() << ": " << again.status().to_string();
        EXPECT_EQ(difference(*graph, *again), "") << entry.path();
        ++checked;
    }
    EXPECT_GE(checked, 20);
}

TEST(GraphText, MutationsAreAnsweredWithoutACrash) {
    const std::string good =
        "graph \"g\" {\n  input %x: f32[1x4]\n  const %w: f32[4] = {1, 2, 3, 4}\n"
        "  %y: f32[1x4] = Add(%x, %w) @17 \"a\" {axis = 1, s = [1.0], b = graph \"h\" {\n"
        "    capture %x\n    output %x\n  }}\n  output %y\n}\n";
    ASSERT_TRUE(parse(good).ok()) << parse(good).status().to_string();
    Rng rng(testing::seed());
    for (int round = 0; round < 5000; ++round) {
        std::string text = good.substr(0, 1 + rng.below(good.size()));
        for (int i = 0; i < 2; ++i) {
            text[rng.below(text.size())] = good[rng.below(good.size())];
        }
        const Result<Graph> graph = parse(text);
        if (!graph.ok()) continue;
        EXPECT_TRUE(parse(print(*graph)).ok()) << text;
    }
}

TEST(GraphText, TheShortFormIsForPeopleOnly) {
    const Result<Graph> graph = parse("graph \"g\" { const %w: f32[100] = random(1) output %w }");
    ASSERT_TRUE(graph.ok()) << graph.status().to_string();
    const std::string text = print(*graph, {.shortened = true});
    EXPECT_LT(text.size(), 100u);
    EXPECT_FALSE(parse(text).ok());
}

}  // namespace
}  // namespace hf::graph
