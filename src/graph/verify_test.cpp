#include "graph/verify.h"

#include <functional>
#include <limits>

#include <gtest/gtest.h>

#include "graph/text.h"

namespace hf::graph {
namespace {

Graph good() {
    return *parse(R"(graph "g" {
        input %x: f32[2x4]
        const %w: f32[4] = {1, 2, 3, 4}
        %a: f32[2x4] = Add(%x, %w) "first"
        %b: f32[2x4] = Relu(%a) "second" {body = graph "inner" {
            capture %w
            %r = Relu(%w)
            output %r
        }}
        output %b
    })");
}

struct Case {
    const char* name;
    std::function<void(Graph&)> spoil;
    const char* want;  // a part of the message
};

TEST(Verify, RefusesEachBrokenInvariantByName) {
    ASSERT_TRUE(verify(good()).ok());
    const ValueId x(0), w(1), a(2);
    const std::vector<Case> cases{
        {"range", [](Graph& g) { g.nodes[0].inputs[0] = ValueId(99); },
         "'first' (ai.onnx): refers"},
        {"order", [](Graph& g) { std::swap(g.nodes[0], g.nodes[1]); },
         "'second' (ai.onnx): value 'a' is used before"},
        {"twice", [&](Graph& g) { g.nodes[1].outputs[0] = a; }, "'a' is defined twice"},
        {"input again", [&](Graph& g) { g.nodes[0].outputs[0] = x; }, "'x' is defined twice"},
        {"orphan", [](Graph& g) { g.nodes.pop_back(); }, "'b' is used before"},
        {"unused orphan", [](Graph& g) { g.add_value({}); }, "is never defined"},
        {"name", [&](Graph& g) { g.value(a).name = "x"; }, "two values are named 'x'"},
        {"no name", [&](Graph& g) { g.value(a).name.clear(); }, "value 2 has no name"},
        {"no operator", [](Graph& g) { g.nodes[0].op.clear(); }, "needs a name and an operator"},
        {"dtype", [&](Graph& g) { g.value(w).dtype = DType::kI32; }, "constant 'w' is f32[4]"},
        {"shape",
         [&](Graph& g) {
             g.value(w).shape = Shape{2, 2};
         },
         "constant 'w' is f32[4]"},
        {"extent", [&](Graph& g) { g.value(x).shape = Shape{-2}; }, "'x' has extent -2"},
        {"rank", [&](Graph& g) { g.value(x).shape = Shape(std::vector<std::int64_t>(17, 1)); },
         "'x' has 17 axes"},
        {"output", [](Graph& g) { g.outputs[0] = kNoValue; }, "a graph output"},
        {"quantisation",
         [&](Graph& g) {
             g.value(x).quantization = Quantization{{1, 2}, {0}, 0};
         },
         "'x' has 2 scales and 1 zero points"},
        {"axis",
         [&](Graph& g) {
             g.value(x).quantization = Quantization{{1, 2}, {0, 0}, 2};
         },
         "'x' is quantised along axis 2"},
        {"extent of axis",
         [&](Graph& g) {
             g.value(x).quantization = Quantization{{1, 2}, {0, 0}, 1};
         },
         "'x' has 2 scales for an axis of 4"},
        {"infinite scale",
         [&](Graph& g) {
             g.value(x).quantization =
                 Quantization{{std::numeric_limits<float>::infinity()}, {0}, 0};
         },
         "not finite"},
        {"attribute", [](Graph& g) { g.nodes[0].attributes["axis"] = 1.0f; },
         "'first' (ai.onnx): attribute 'axis': want an integer, got a float"},
        {"no body", [](Graph& g) { g.nodes[1].attributes["body"] = SubgraphPtr(); },
         "the body is missing"},
        {"capture", [&](Graph& g) { g.value(w).name = "v"; },
         "'second' (ai.onnx): attribute 'body': captured value 'w' is in no enclosing graph"},
        {"outer capture", [](Graph& g) { g.captures.push_back(g.add_value({})); },
         "is in no enclosing graph"},
    };
    for (const Case& one : cases) {
        Graph graph = good();
        one.spoil(graph);
        const Status status = verify(graph);
        EXPECT_EQ(status.code(), Code::kInvalidArgument) << one.name;
        EXPECT_NE(status.message().find(one.want), std::string::npos)
            << one.name << ": " << status.message();
    }
}

TEST(Verify, BodiesMayNotNestWithoutEnd) {
    auto body = std::make_shared<const Graph>();
    for (int i = 0; i < kMaxBodyDepth + 2; ++i) {
        Graph outer;
        outer.nodes.push_back({"n", "", "If", 17, {}, {}, {{"then_branch", SubgraphPtr(body)}}});
        body = std::make_shared<const Graph>(std::move(outer));
    }
    EXPECT_EQ(verify(*body).code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace hf::graph
