// The intermediate representation: one graph for every importer, pass and device.
//
// A Graph is a list of values and a list of nodes in topological order, in static single
// assignment: each value is a graph input, a constant, or the output of exactly one node. Nodes
// carry an operator name in a domain: "" is ONNX's own, "ai.onnx.ml" and "com.microsoft" as in
// ONNX, "tflite" TensorFlow Lite's builtin operators under their schema names ("CONV_2D", NHWC,
// with quantisation on the values), and "hf" what our passes make. verify() (graph/verify.h) states
// and checks the invariants.
//
// Thread-safety: a value type; a const Graph may be read from any thread.

#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/named.h"
#include "base/status.h"
#include "tensor/tensor.h"

namespace hf::graph {

// An index into Graph::values.
using ValueId = Named<struct ValueIdTag, std::uint32_t>;

// Stands for an omitted optional input or output.
inline constexpr ValueId kNoValue{0xFFFFFFFFu};

// Affine quantisation: real = scale * (stored - zero_point), per tensor (one entry) or along
// `axis`.
struct Quantization {
    std::vector<float> scales;
    std::vector<std::int64_t> zero_points;  // as many as scales
    std::size_t axis = 0;
};

// What a value is. Sequences and optionals of tensors come from a few ONNX operators; they do not
// nest deeper than this. Maps, and sequences of them, have no operators here.
enum class ValueKind : unsigned char { kTensor, kSequence, kOptional, kOptionalSequence, kMap };

// For messages: "a sequence", "an optional sequence".
std::string_view kind_name(ValueKind kind);

struct Value {
    ValueKind kind = ValueKind::kTensor;
    std::string name;  // unique in its graph, never empty
    // Of the tensor, or of each tensor in it where it is no tensor itself.
    std::optional<DType> dtype;
    std::optional<Shape> shape;  // extents may be Shape::kUnknown; nullopt: rank unknown
    std::optional<Tensor> constant;
    std::optional<Quantization> quantization;
};

struct Graph;
using SubgraphPtr = std::shared_ptr<const Graph>;

using Attribute = std::variant<std::int64_t, float, std::string, std::vector<std::int64_t>,
                               std::vector<float>, std::vector<std::string>, Tensor, SubgraphPtr>;
using AttributeMap = std::map<std::string, Attribute, std::less<>>;

struct Node {
    std::string name;  // for messages; the importer makes one up ("Conv_17") when the file has none
    std::string domain;  // "" for ai.onnx
    std::string op;
    std::int64_t opset =
        0;  // the version of the domain that the model imports; 0 outside ONNX domains
    std::vector<ValueId> inputs;   // kNoValue where omitted
    std::vector<ValueId> outputs;  // kNoValue where not wanted
    AttributeMap attributes;

    bool has(std::string_view attribute) const { return attributes.contains(attribute); }

    // The attribute, or the fallback when absent. An attribute of another type counts as absent:
    // the verifier has refused such nodes for the operators it knows.
    std::int64_t int_or(std::string_view attribute, std::int64_t fallback) const;
    float float_or(std::string_view attribute, float fallback) const;
    std::string string_or(std::string_view attribute, std::string_view fallback) const;
    std::vector<std::int64_t> ints_or(std::string_view attribute,
                                      std::vector<std::int64_t> fallback) const;
    std::vector<float> floats_or(std::string_view attribute, std::vector<float> fallback) const;
    std::vector<std::string> strings_or(std::string_view attribute,
                                        std::vector<std::string> fallback) const;
    const Tensor* tensor(std::string_view attribute) const;
    const Graph* subgraph(std::string_view attribute) const;

    // "Conv 'conv1' (ai.onnx)": how messages name a node.
    std::string describe() const;
};

struct Graph {
    std::string name;
    std::vector<Value> values;
    std::vector<Node> nodes;
    std::vector<ValueId> inputs;  // without initializers: what a caller must give
    std::vector<ValueId> outputs;

    // In the body of If, Loop, Scan or SequenceMap: values of an enclosing graph, found there by
    // name.
    std::vector<ValueId> captures;
    std::map<std::string, std::string> metadata;  // producer, licence and the like, for people

    Value& value(ValueId id) { return values[id.value()]; }
    const Value& value(ValueId id) const { return values[id.value()]; }

    // Appends a value; the name is made unique by a suffix when it is taken. O(values) worst case
    // only when it is; callers that add many use names they know to be fresh.
    ValueId add_value(Value value);
    ValueId add_constant(std::string name, Tensor tensor);

    // Linear search; nullopt when no value has this name. Subgraphs refer to outer values by name.
    std::optional<ValueId> find_value(std::string_view name) const;
};

}  // namespace hf::graph
