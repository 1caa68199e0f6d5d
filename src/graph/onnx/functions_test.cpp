#include "graph/onnx/functions.h"

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "graph/load.h"
#include "graph/text.h"

namespace hf::graph::onnx {
namespace {

using Writer = protozero::pbf_writer;
using Names = std::vector<std::string>;

// Messages of onnx.proto, as far as these tests need them.
struct NodeText {
    std::string op, domain;
    Names inputs, outputs;
    std::vector<std::string> attributes = {};
};

std::string message_of(const NodeText& node) {
    std::string bytes;
    Writer out(bytes);
    for (const std::string& name : node.inputs) out.add_string(1, name);
    for (const std::string& name : node.outputs) out.add_string(2, name);
    out.add_string(4, node.op);
    for (const std::string& attribute : node.attributes) out.add_message(5, attribute);
    out.add_string(7, node.domain);
    return bytes;
}

std::string float_attribute(const std::string& name, float value) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, name);
    out.add_float(2, value);
    out.add_int32(20, 1);
    return bytes;
}

std::string reference(const std::string& name, const std::string& to) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, name);
    out.add_int32(20, 1);
    out.add_string(21, to);
    return bytes;
}

std::string body_attribute(const std::string& name, const std::string& graph) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, name);
    out.add_message(6, graph);
    out.add_int32(20, 5);
    return bytes;
}

std::string port(const std::string& name) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, name);
    Writer type(out, 2);
    Writer(type, 1).add_int32(1, 1);
    return bytes;
}

std::string opset(const std::string& domain, std::int64_t version) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, domain);
    out.add_int64(2, version);
    return bytes;
}

struct FunctionText {
    std::string name;
    Names inputs, outputs;
    std::vector<NodeText> nodes;
    std::vector<std::string> defaults = {};
    std::int64_t version = 18;
    std::string domain = "local";
};

std::string message_of(const FunctionText& function) {
    std::string bytes;
    Writer out(bytes);
    out.add_string(1, function.name);
    for (const std::string& name : function.inputs) out.add_string(4, name);
    for (const std::string& name : function.outputs) out.add_string(5, name);
    for (const NodeText& node : function.nodes) out.add_message(7, message_of(node));
    out.add_message(9, opset("", function.version));
    out.add_string(10, function.domain);
    for (const std::string& attribute : function.defaults) out.add_message(11, attribute);
    return bytes;
}

std::string graph_of(const std::vector<NodeText>& nodes, const Names& inputs,
                     const Names& outputs) {
    std::string bytes;
    Writer out(bytes);
    for (const NodeText& node : nodes) out.add_message(1, message_of(node));
    out.add_string(2, "g");
    for (const std::string& name : inputs) out.add_message(11, port(name));
    for (const std::string& name : outputs) out.add_message(12, port(name));
    return bytes;
}

Bytes model(const std::vector<NodeText>& nodes, const std::vector<FunctionText>& functions) {
    std::string bytes;
    Writer out(bytes);
    out.add_int64(1, 8);
    out.add_message(7, graph_of(nodes, {"x"}, {"y"}));
    out.add_message(8, opset("", 17));
    out.add_message(8, opset("local", 1));
    for (const FunctionText& function : functions) out.add_message(25, message_of(function));
    return to_bytes(bytes);
}

// The body of the graph's text: its nodes and outputs.
std::string inlined(const Bytes& bytes) {
    const Result<Graph> graph = load(bytes, no_external_data());
    return graph.ok() ? print(*graph) : "error: " + std::string(graph.status().message());
}

TEST(OnnxFunctions, TwoCallsDoNotMeet) {
    const FunctionText twice{
        "Twice", {"a"}, {"b"}, {{"Add", "", {"a", "a"}, {"sum"}}, {"Relu", "", {"sum"}, {"b"}}}};
    EXPECT_EQ(inlined(model({{"Twice", "local", {"x"}, {"h"}}, {"Twice", "local", {"h"}, {"y"}}},
                            {twice})),
              R"(graph "g" {
  input %x: f32[*]
  %Twice_0.0/sum: f32[*] = Add(%x, %x) @18 "Twice_0.0/Add_1"
  %h: f32[*] = Relu(%Twice_0.0/sum) @18 "Twice_0.0/Relu_2"
  %Twice_3.1/sum: f32[*] = Add(%h, %h) @18 "Twice_3.1/Add_4"
  %y: f32[*] = Relu(%Twice_3.1/sum) @18 "Twice_3.1/Relu_5"
  output %y
}
)");
}

TEST(OnnxFunctions, AttributesComeFromTheCallOrTheDefault) {
    const FunctionText leaky{"Leaky",
                             {"a"},
                             {"b"},
                             {{"LeakyRelu", "", {"a"}, {"b"}, {reference("alpha", "slope")}}},
                             {float_attribute("slope", 0.5f)}};
    EXPECT_NE(inlined(model({{"Leaky", "local", {"x"}, {"y"}}}, {leaky})).find("alpha = 0.5"),
              std::string::npos);
    const NodeText call{"Leaky", "local", {"x"}, {"y"}, {float_attribute("slope", 0.25f)}};
    EXPECT_NE(inlined(model({call}, {leaky})).find("alpha = 0.25"), std::string::npos);
    FunctionText without = leaky;
    without.defaults.clear();
    EXPECT_EQ(inlined(model({{"Leaky", "local", {"x"}, {"y"}}}, {without})).find("alpha"),
              std::string::npos);
    const NodeText outside{"LeakyRelu", "", {"x"}, {"y"}, {reference("alpha", "slope")}};
    EXPECT_EQ(inlined(model({outside}, {})),
              "error: LeakyRelu 'LeakyRelu_0' (ai.onnx): attribute 'alpha' refers to one of a "
              "function, and is in none");
}

TEST(OnnxFunctions, BodiesSeeTheNamesOfTheirFunction) {
    const std::string branch = graph_of({{"Neg", "", {"kept"}, {"o"}}}, {}, {"o"});
    const FunctionText choose{
        "Choose",
        {"a", "c"},
        {"b"},
        {{"Abs", "", {"a"}, {"kept"}},
         {"Cast", "", {"c"}, {"yes"}, {}},
         {"If",
          "",
          {"yes"},
          {"b"},
          {body_attribute("then_branch", branch), body_attribute("else_branch", branch)}}}};
    const std::string text = inlined(model({{"Choose", "local", {"x", "x"}, {"y"}}}, {choose}));
    EXPECT_NE(text.find("capture %Choose_0.0/kept"), std::string::npos) << text;
    EXPECT_NE(text.find("%Choose_0.0/o: f32[*] = Neg(%Choose_0.0/kept)"), std::string::npos)
        << text;
}

TEST(OnnxFunctions, OutputsMayBeInputsAndBeLeftOut) {
    const FunctionText pass{"Pass", {"a", "unused"}, {"a", "n"}, {{"Neg", "", {"a"}, {"n"}}}};
    EXPECT_EQ(inlined(model({{"Pass", "local", {"x"}, {"y", ""}}}, {pass})), R"(graph "g" {
  input %x: f32[*]
  %Pass_0.0/n: f32[*] = Neg(%x) @18 "Pass_0.0/Neg_1"
  %y: f32[*] = Identity(%x) "y"
  output %y
}
)");
}

TEST(OnnxFunctions, RecursionIsRefused) {
    const FunctionText f{"F", {"a"}, {"b"}, {{"G", "local", {"a"}, {"b"}}}};
    const FunctionText g{"G", {"a"}, {"b"}, {{"F", "local", {"a"}, {"b"}}}};
    EXPECT_EQ(inlined(model({{"F", "local", {"x"}, {"y"}}}, {f, g})),
              "error: function 'F' (local): function 'G' (local): function 'F' (local): it calls "
              "itself");
}

TEST(OnnxFunctions, RecursionThroughABodyIsRefused) {
    const std::string branch = graph_of({{"F", "local", {"a"}, {"o"}}}, {}, {"o"});
    const FunctionText f{
        "F", {"a"}, {"b"}, {{"If", "", {"a"}, {"b"}, {body_attribute("then_branch", branch)}}}};
    const std::string text = inlined(model({{"F", "local", {"x"}, {"y"}}}, {f}));
    EXPECT_NE(text.find("it calls itself"), std::string::npos) << text;
}

TEST(OnnxFunctions, DepthAndSizeAreBounded) {
    const auto chain = [](int depth, std::size_t calls) {
        std::vector<FunctionText> functions;
        for (int i = 0; i < depth; ++i) {
            FunctionText f{fmt::format("F{}", i), {"a"}, {"b"}, {}};
            const bool last = i + 1 == depth;
            for (std::size_t k = 0; k < calls; ++k) {
                f.nodes.push_back({last ? "Neg" : fmt::format("F{}", i + 1),
                                   last ? "" : "local",
                                   {"a"},
                                   {k == 0 ? "b" : fmt::format("b{}", k)}});
            }
            functions.push_back(std::move(f));
        }
        return inlined(model({{"F0", "local", {"x"}, {"y"}}}, functions));
    };
    EXPECT_NE(chain(kMaxCallDepth, 1).find("Neg"), std::string::npos);
    EXPECT_NE(chain(kMaxCallDepth + 1, 1).find("functions call deeper than 32"), std::string::npos);
    EXPECT_NE(chain(20, 10).find("more than 200000 nodes"), std::string::npos);
}

TEST(OnnxFunctions, CallsThatDoNotFitAreRefused) {
    const FunctionText f{"F", {"a"}, {"b"}, {{"Neg", "", {"a"}, {"b"}}}};
    EXPECT_EQ(inlined(model({{"F", "local", {"x", "x"}, {"y"}}}, {f})),
              "error: function 'F' (local): 2 inputs and 1 outputs for a function of 1 and 1");
    EXPECT_EQ(inlined(model({{"F", "local", {"x"}, {"y"}}}, {f, f})),
              "error: function 'F' (local) is there twice");
    FunctionText newer = f;
    newer.version = 99;
    EXPECT_EQ(inlined(model({{"F", "local", {"x"}, {"y"}}}, {newer})),
              "error: function 'F' (local): opset 99 is newer than 22; export the model for opset "
              "22");
}

TEST(OnnxFunctions, DomainsOfOurOwnAreRefusedWhereverANodeStands) {
    const auto refused = [](const std::string& where, const std::string& domain) {
        return fmt::format(
            "error: {} ({}): no ONNX file may use the domain '{}', which Holdfast "
            "keeps for itself; export the model with operators of ai.onnx, or "
            "define the function in the model",
            where, domain, domain);
    };
    const NodeText attention{"Attention", "hf", {"x", "x", "x"}, {"y"}};
    EXPECT_EQ(inlined(model({attention}, {})), refused("Attention 'Attention_0'", "hf"));
    EXPECT_EQ(inlined(model({{"CONV_2D", "tflite", {"x"}, {"y"}}}, {})),
              refused("CONV_2D 'CONV_2D_0'", "tflite"));

    const FunctionText f{"F", {"a"}, {"b"}, {{"Gelu", "hf", {"a"}, {"b"}}}};
    EXPECT_EQ(inlined(model({{"F", "local", {"x"}, {"y"}}}, {f})),
              "error: function 'F' (local): " +
                  refused("Gelu 'F_0.0/Gelu_1'", "hf").substr(std::string("error: ").size()));

    const std::string branch = graph_of({{"Gelu", "hf", {"x"}, {"o"}}}, {}, {"o"});
    const std::string body =
        inlined(model({{"If", "", {"x"}, {"y"}, {body_attribute("then_branch", branch)}}}, {}));
    EXPECT_NE(body.find("no ONNX file may use the domain 'hf'"), std::string::npos) << body;
}

// What the model defines itself is inlined, whatever it calls its domain.
TEST(OnnxFunctions, AFunctionMayBeOfAnyDomain) {
    FunctionText gelu{"Gelu", {"a"}, {"b"}, {{"Neg", "", {"a"}, {"b"}}}};
    gelu.domain = "hf";
    const std::string text = inlined(model({{"Gelu", "hf", {"x"}, {"y"}}}, {gelu}));
    EXPECT_NE(text.find("= Neg(%x)"), std::string::npos) << text;
}

}  // namespace
}  // namespace hf::graph::onnx
