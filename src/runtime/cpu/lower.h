// Lowering: from a node to operations, before memory is planned. For each operator there is a list
// of implementations in order of priority; each either drafts operations or says why not. What none
// takes, the reference device's function for that node does.
//
// Pure functions of the graph. Thread-safe.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "runtime/compile.h"
#include "runtime/cpu/plan.h"

namespace hf::runtime::cpu {

// A value of the graph, or weights made for the purpose, or (with neither) an omitted operand.
struct DraftInput {
    graph::ValueId value = graph::kNoValue;
    Tensor weights;

    static DraftInput of(graph::ValueId value) { return {value, {}}; }
    static DraftInput of(Tensor weights) { return {graph::kNoValue, std::move(weights)}; }
    static DraftInput omitted() { return {}; }
};

// Stands for an input that a node lacks: a scalar of a type that no kernel takes.
const graph::Value& missing_value();

// A node with the types and shapes of its values, all of them known. Files may leave out inputs
// that their operator needs.
struct NodeView {
    const graph::Graph& graph;
    const graph::Node& node;

    bool has_input(std::size_t index) const {
        return index < node.inputs.size() && node.inputs[index] != graph::kNoValue;
    }
    const graph::Value& input(std::size_t index) const {
        return has_input(index) ? graph.value(node.inputs[index]) : missing_value();
    }
    DraftInput operand(std::size_t index) const {
        return has_input(index) ? DraftInput::of(node.inputs[index]) : DraftInput::omitted();
    }
    // REQUIRES: output 0 is wanted, which lower_node() makes sure of.
    const graph::Value& output() const { return graph.value(node.outputs[0]); }
    const Shape& shape(std::size_t index) const { return *input(index).shape; }
    const Shape& out_shape() const { return *output().shape; }
    const Tensor* constant(std::size_t index) const {
        if (!has_input(index) || !input(index).constant) return nullptr;
        return &*input(index).constant;
    }
};

struct Draft {
    std::string_view kernel;
    std::vector<DraftInput> inputs;
    std::vector<graph::ValueId> outputs;  // kNoValue where not wanted
    std::vector<std::int64_t> ints;
    std::vector<float> floats;
    std::uint64_t scratch_bytes = 0;
    std::uint64_t macs = 0;

    // Output 0 is input 0 under another shape; "move.copy" where they cannot share their bytes.
    bool alias = false;
    std::shared_ptr<const graph::Graph> reference;
};
using Drafts = Result<std::vector<Draft>>;

struct Implementation {
    std::string_view name;  // for the report: mostly the kernel's
    Drafts (*draft)(const NodeView& view);
    Math math = Math::kF32;  // for models in this only

    // UNIMPLEMENTED where another was measured to be faster; null: nowhere. Not asked about kernels
    // that are preferred.
    Status (*pays)(const NodeView& view) = nullptr;
};

struct LoweringRow {
    std::string_view domain;
    std::string_view op;
    std::vector<Implementation> implementations;  // the first that drafts wins
};

// Every operator with implementations of its own, in no order of meaning.
const std::vector<LoweringRow>& lowering_rows();

struct Lowered {
    std::vector<Draft> drafts;
    std::string kernel;   // "simd.conv_f32", "ref.TopK"
    std::string refused;  // "simd.conv_f32: weights are computed"; empty when the first was taken
};

// Names of kernels, or of families of them: "onednn".
using KernelNames = std::vector<std::string>;

// INVALID_ARGUMENT names one that does not exist, and the nearest.
Status check_kernel_names(const KernelNames& names);

// What a model is lowered by.
struct Lowering {
    const KernelNames& disabled;
    const KernelNames& preferred;
    Math math = Math::kF32;
};

// UNIMPLEMENTED when not even the reference function takes the node.
Result<Lowered> lower_node(const NodeView& view, const Lowering& lowering);

}  // namespace hf::runtime::cpu
