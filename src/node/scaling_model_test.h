// A model that multiplies, and golden samples of it, for tests of what machines do with models.

#pragma once

#include <array>
#include <string>

#include "graph/onnx/export.h"
#include "vault/golden.h"

namespace hf::node {

// y = x * factor, of a shape with two numbers.
inline Bytes scaling_model(float factor, const Shape& shape = Shape{2}) {
    graph::Graph g;
    g.name = "scale";
    const auto x = g.add_value({graph::ValueKind::kTensor, "x", DType::kF32, shape, {}, {}});
    const auto f = g.add_constant("f", Tensor::of<float>(DType::kF32, Shape{1}, {{factor}}));
    const auto y = g.add_value({graph::ValueKind::kTensor, "y", DType::kF32, shape, {}, {}});
    graph::Node node;
    node.name = "mul";
    node.op = "Mul";
    node.opset = 13;
    node.inputs = {x, f};
    node.outputs = {y};
    g.nodes = {node};
    g.inputs = {x};
    g.outputs = {y};
    return graph::onnx::export_model(g).value();
}

// Of the model of this factor, which an ensemble names so; of a shape of two numbers.
inline vault::GoldenSample golden_sample_of(float factor, std::string model = "") {
    const std::array<float, 2> in{1, 2}, out{factor, 2 * factor};
    vault::GoldenSample sample;
    sample.inputs.push_back({"x", Tensor::of<float>(DType::kF32, Shape{2}, in)});
    sample.outputs.push_back({"y", Tensor::of<float>(DType::kF32, Shape{2}, out), {1e-3, 1e-6}});
    sample.model = std::move(model);
    return sample;
}

}  // namespace hf::node
