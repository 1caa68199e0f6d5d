// Operators over maps become operators over their values.

#include "graph/onnx/maps.h"

#include <gtest/gtest.h>

namespace hf::graph::onnx {
namespace {

// One node from a map of values of `dtype` to "y".
Graph over_map(const std::string& op, std::optional<DType> dtype) {
    Graph graph;
    Value map;
    map.name = "m";
    map.kind = ValueKind::kMap;
    map.dtype = dtype;
    Value out;
    out.name = "y";
    const ValueId x = graph.add_value(map), y = graph.add_value(out);
    graph.inputs = {x};
    graph.outputs = {y};
    Node node;
    node.name = "n";
    node.domain = "ai.onnx.ml";
    node.op = op;
    node.inputs = {x};
    node.outputs = {y};
    graph.nodes.push_back(std::move(node));
    return graph;
}

TEST(Maps, ADictVectorizerTakesItsFeaturesInTheOrderOfItsVocabulary) {
    Graph graph = over_map("DictVectorizer", DType::kI64);
    graph.nodes[0].attributes["string_vocabulary"] = std::vector<std::string>{"b", "a", "c"};
    take_maps_apart(graph);
    EXPECT_EQ(graph.nodes[0].op, "Identity");
    EXPECT_EQ(graph.nodes[0].domain, "");
    const Value& features = graph.value(graph.inputs[0]);
    EXPECT_EQ(features.kind, ValueKind::kTensor);
    EXPECT_EQ(features.dtype, DType::kI64);
    EXPECT_EQ(*features.shape, (Shape{Shape::kUnknown, 3}));
    EXPECT_EQ(graph.metadata["keys.m"], "b,a,c");
}

TEST(Maps, ACastMapCastsItsValues) {
    Graph graph = over_map("CastMap", DType::kString);
    graph.nodes[0].attributes["map_form"] = std::string("SPARSE");
    graph.nodes[0].attributes["max_map"] = std::int64_t{7};
    graph.nodes[0].attributes["cast_to"] = std::string("TO_INT64");
    take_maps_apart(graph);
    EXPECT_EQ(graph.nodes[0].op, "Cast");
    EXPECT_EQ(graph.nodes[0].int_or("to", 0), 7);  // ONNX's number of int64
    EXPECT_EQ(*graph.value(graph.inputs[0]).shape, (Shape{Shape::kUnknown, 7}));

    Graph dense = over_map("CastMap", DType::kF32);
    take_maps_apart(dense);
    EXPECT_EQ(dense.nodes[0].int_or("to", 0), 1);  // float
    EXPECT_EQ(*dense.value(dense.inputs[0]).shape, (Shape{Shape::kUnknown, Shape::kUnknown}));
}

TEST(Maps, WhatIsNotKnownStaysAMap) {
    Graph unknown = over_map("DictVectorizer", std::nullopt);
    take_maps_apart(unknown);
    EXPECT_EQ(unknown.nodes[0].op, "DictVectorizer");
    EXPECT_EQ(unknown.value(unknown.inputs[0]).kind, ValueKind::kMap);
    Graph odd = over_map("CastMap", DType::kF32);
    odd.nodes[0].attributes["cast_to"] = std::string("TO_MOON");
    take_maps_apart(odd);
    EXPECT_EQ(odd.nodes[0].op, "CastMap");
}

TEST(Maps, AZipMapIsItsScores) {
    Graph graph = over_map("ZipMap", DType::kF32);
    graph.value(graph.inputs[0]).kind = ValueKind::kTensor;
    graph.nodes[0].attributes["classlabels_int64s"] = std::vector<std::int64_t>{3, 9};
    take_maps_apart(graph);
    EXPECT_EQ(graph.nodes[0].op, "Identity");
    EXPECT_EQ(graph.metadata["classes.y"], "3,9");
    EXPECT_EQ(*graph.value(graph.outputs[0]).shape, (Shape{Shape::kUnknown, 2}));
}

}  // namespace
}  // namespace hf::graph::onnx
