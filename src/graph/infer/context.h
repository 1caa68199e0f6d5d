// What an inference rule sees of a node, and how it answers. Internal to graph/infer.

#pragma once

#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "base/status.h"
#include "graph/graph.h"
#include "graph/infer.h"

namespace hf::graph::infer {

inline constexpr std::int64_t kUnknown = Shape::kUnknown;
inline constexpr double kUnknownElement = std::numeric_limits<double>::quiet_NaN();

inline bool is_known(double element) {
    return !std::isnan(element);
}
inline std::int64_t extent_of(double element) {
    return is_known(element) ? static_cast<std::int64_t>(element) : kUnknown;
}

class Context final {
public:
    Context(Graph& graph, Node& node, Contents& contents)
        : node(node), graph_(graph), contents_(contents) {}

    Node& node;

    std::size_t output_count() const { return node.outputs.size(); }

    // The value, or nullptr when it was omitted.
    const Value* input(std::size_t index) const;
    bool has_input(std::size_t index) const { return input(index) != nullptr; }

    // Of a tensor; of what is inside a sequence or optional, element_dtype() tells.
    std::optional<DType> dtype(std::size_t index) const;
    const Shape* shape(std::size_t index) const;  // nullptr: rank unknown, or omitted
    const Tensor* constant(std::size_t index) const;
    std::optional<DType> element_dtype(std::size_t index) const;

    // The elements as far as known; nullptr when nothing is known about them.
    const Content* content(std::size_t index) const;

    // All elements as integers. Empty when the input is omitted, nullopt when one is unknown.
    std::optional<std::vector<std::int64_t>> ints(std::size_t index) const;

    // The same, from the attribute where the node has it.
    std::optional<std::vector<std::int64_t>> ints(std::string_view attribute,
                                                  std::size_t index) const;

    // Says what an output is; nullopt is "unknown". Refuses what contradicts a declaration.
    // An output that is not wanted is ignored.
    Status set(std::size_t index, std::optional<DType> dtype, std::optional<Shape> shape);

    // The same for an output of any kind, by the type of the tensors inside.
    Status set_kind(std::size_t index, ValueKind kind, std::optional<DType> dtype);

    // Says which elements an output has; ignored unless the output is_followed() and of this size.
    // Call after set().
    void set_content(std::size_t index, Content content);

    // For rules that look around: bodies capture by name.
    Graph& graph() { return graph_; }

private:
    Status set_dtype(Value& value, ValueKind kind, std::optional<DType> dtype);

    Graph& graph_;
    Contents& contents_;
};

using Rule = Status (*)(Context& context);

struct Row {
    std::string_view domain;
    std::string_view op;
    Rule rule;

    // Whether its inputs may be sequences and optionals; of others infer_shapes() has made sure
    // that they are tensors.
    bool takes_all_kinds = false;
};

// Whether nothing is known yet, not even that it is a tensor.
inline bool is_untyped(const Value& value) {
    return value.kind == ValueKind::kTensor && !value.dtype && !value.shape;
}

// Output 0 is like input 0.
Status same_as_input(Context& context);

// Whether elements are followed: scalars and short vectors of the types of shape arithmetic.
bool is_followed(const std::optional<DType>& dtype, const std::optional<Shape>& shape);

// Product of extents; kUnknown when one is, or when it does not fit.
std::int64_t product(std::span<const std::int64_t> extents);

Result<std::size_t> axis_of(const Context& context, std::int64_t fallback, std::size_t rank);

}  // namespace hf::graph::infer
