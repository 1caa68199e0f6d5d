#include "graph/graph.h"

namespace hf::graph {
namespace {

template <typename T>
const T* get(const Node& node, std::string_view attribute) {
    const auto found = node.attributes.find(attribute);
    return found == node.attributes.end() ? nullptr : std::get_if<T>(&found->second);
}

template <typename T>
T get_or(const Node& node, std::string_view attribute, T fallback) {
    const T* value = get<T>(node, attribute);
    return value ? *value : std::move(fallback);
}

}  // namespace

std::string_view kind_name(ValueKind kind) {
    switch (kind) {
        case ValueKind::kTensor: return "a tensor";
        case ValueKind::kSequence: return "a sequence";
        case ValueKind::kOptional: return "an optional";
        case ValueKind::kOptionalSequence: return "an optional sequence";
        case ValueKind::kMap: return "a map";
    }
    return "a value";
}

std::int64_t Node::int_or(std::string_view attribute, std::int64_t fallback) const {
    return get_or(*this, attribute, fallback);
}
float Node::float_or(std::string_view attribute, float fallback) const {
    return get_or(*this, attribute, fallback);
}
std::string Node::string_or(std::string_view attribute, std::string_view fallback) const {
    return get_or(*this, attribute, std::string(fallback));
}
std::vector<std::int64_t> Node::ints_or(std::string_view attribute,
                                        std::vector<std::int64_t> fallback) const {
    return get_or(*this, attribute, std::move(fallback));
}
std::vector<float> Node::floats_or(std::string_view attribute, std::vector<float> fallback) const {
    return get_or(*this, attribute, std::move(fallback));
}
std::vector<std::string> Node::strings_or(std::string_view attribute,
                                          std::vector<std::string> fallback) const {
    return get_or(*this, attribute, std::move(fallback));
}
const Tensor* Node::tensor(std::string_view attribute) const {
    return get<Tensor>(*this, attribute);
}
const Graph* Node::subgraph(std::string_view attribute) const {
    const SubgraphPtr* pointer = get<SubgraphPtr>(*this, attribute);
    return pointer ? pointer->get() : nullptr;
}

std::string Node::describe() const {
    return fmt::format("{} '{}' ({})", op, name, domain.empty() ? "ai.onnx" : domain);
}

ValueId Graph::add_value(Value value) {
    if (value.name.empty()) value.name = fmt::format("value_{}", values.size());
    if (find_value(value.name)) value.name += fmt::format(".{}", values.size());
    values.push_back(std::move(value));
    return ValueId(static_cast<std::uint32_t>(values.size() - 1));
}

ValueId Graph::add_constant(std::string name, Tensor tensor) {
    Value value;
    value.name = std::move(name);
    value.dtype = tensor.dtype();
    value.shape = tensor.shape();
    value.constant = std::move(tensor);
    return add_value(std::move(value));
}

std::optional<ValueId> Graph::find_value(std::string_view name) const {
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (values[i].name == name) return ValueId(static_cast<std::uint32_t>(i));
    }
    return std::nullopt;
}

}  // namespace hf::graph
