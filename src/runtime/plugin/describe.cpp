#include "runtime/plugin/describe.h"

#include <algorithm>
#include <span>

namespace hf::runtime {
namespace {

static_assert(Shape::kMaxRank == HF_DEVICE_RANK_MAX);
static_assert(static_cast<int>(DType::kF32) == HF_DEVICE_F32 &&
              static_cast<int>(DType::kI8) == HF_DEVICE_I8 &&
              static_cast<int>(DType::kU64) == HF_DEVICE_U64 &&
              static_cast<int>(DType::kBool) == HF_DEVICE_BOOL &&
              static_cast<int>(DType::kC128) == HF_DEVICE_C128);

bool is_known(const std::optional<DType>& dtype, const std::optional<Shape>& shape) {
    return dtype && dtype_size(*dtype) > 0 && shape && shape->is_known();
}

}  // namespace

hf_device_type describe_type(const std::optional<DType>& dtype, const std::optional<Shape>& shape) {
    hf_device_type type{};
    if (!is_known(dtype, shape)) return type;
    type.dtype = static_cast<uint32_t>(*dtype);
    type.rank = static_cast<uint32_t>(shape->rank());
    std::copy(shape->begin(), shape->end(), type.extents);
    return type;
}

std::string type_text(const hf_device_type& type) {
    const bool known = type.dtype >= HF_DEVICE_F32 && type.dtype <= HF_DEVICE_C128;
    if (!known || type.rank > HF_DEVICE_RANK_MAX) {
        return fmt::format("element type {} of rank {}", type.dtype, type.rank);
    }
    const Shape shape(std::vector<std::int64_t>(type.extents, type.extents + type.rank));
    return fmt::format("{}[{}]", dtype_name(static_cast<DType>(type.dtype)), shape.to_string());
}

Description::Description(const graph::Graph& graph) {
    for (const graph::Value& value : graph.values) values_.push_back(describe(value));
    for (const graph::Node& node : graph.nodes) nodes_.push_back(describe(node));
    graph_.struct_bytes = sizeof(hf_device_graph);
    graph_.value_count = values_.size();
    graph_.values = values_.data();
    graph_.node_count = nodes_.size();
    graph_.nodes = nodes_.data();
    graph_.input_count = graph.inputs.size();
    graph_.inputs = describe(graph.inputs);
    graph_.output_count = graph.outputs.size();
    graph_.outputs = describe(graph.outputs);
}

const uint32_t* Description::describe(const std::vector<graph::ValueId>& ids) {
    std::vector<uint32_t>& numbers = ids_.emplace_back();
    for (graph::ValueId id : ids) {
        numbers.push_back(id == graph::kNoValue ? HF_DEVICE_NO_VALUE : id.value());
    }
    return numbers.data();
}

hf_device_value Description::describe(const graph::Value& value) {
    hf_device_value described{};
    described.name = value.name.c_str();
    described.type = describe_type(value.dtype, value.shape);
    if (described.type.dtype != HF_DEVICE_UNKNOWN) {
        described.size_bytes =
            static_cast<std::uint64_t>(value.shape->elements()) * dtype_size(*value.dtype);
        if (value.constant) described.constant = value.constant->bytes().data();
    }
    if (value.quantization) {
        const graph::Quantization& q = *value.quantization;
        quantizations_.push_back({q.scales.size(), q.scales.data(), q.zero_points.data(), q.axis});
        described.quantization = &quantizations_.back();
    }
    return described;
}

hf_device_attribute Description::describe(const std::string& name,
                                          const graph::Attribute& attribute) {
    hf_device_attribute described{};
    described.name = name.c_str();
    const auto ints = [&](const std::int64_t* data, std::size_t count) {
        described.kind = HF_DEVICE_ATTRIBUTE_INTS;
        described.ints = data;
        described.count = count;
    };
    const auto floats = [&](const float* data, std::size_t count) {
        described.kind = HF_DEVICE_ATTRIBUTE_FLOATS;
        described.floats = data;
        described.count = count;
    };
    const auto strings = [&](std::span<const std::string> texts) {
        std::vector<hf_device_string>& views = strings_.emplace_back();
        for (const std::string& text : texts) views.push_back({text.data(), text.size()});
        described.kind = HF_DEVICE_ATTRIBUTE_STRINGS;
        described.strings = views.data();
        described.count = views.size();
    };
    if (const auto* one = std::get_if<std::int64_t>(&attribute)) ints(one, 1);
    if (const auto* one = std::get_if<float>(&attribute)) floats(one, 1);
    if (const auto* one = std::get_if<std::string>(&attribute)) strings({one, 1});
    if (const auto* all = std::get_if<std::vector<std::int64_t>>(&attribute)) {
        ints(all->data(), all->size());
    }
    if (const auto* all = std::get_if<std::vector<float>>(&attribute)) {
        floats(all->data(), all->size());
    }
    if (const auto* all = std::get_if<std::vector<std::string>>(&attribute)) strings(*all);
    if (const auto* tensor = std::get_if<Tensor>(&attribute)) {
        hf_device_value& value = tensors_.emplace_back();
        value.name = name.c_str();
        value.type = describe_type(tensor->dtype(), tensor->shape());
        value.size_bytes = tensor->bytes().size();
        if (value.type.dtype != HF_DEVICE_UNKNOWN) value.constant = tensor->bytes().data();
        described.kind = HF_DEVICE_ATTRIBUTE_TENSOR;
        described.count = 1;
        described.tensor = &value;
    }
    return described;
}

hf_device_node Description::describe(const graph::Node& node) {
    std::vector<hf_device_attribute>& attributes = attributes_.emplace_back();
    for (const auto& [name, attribute] : node.attributes) {
        // A node with a subgraph is not offered.
        if (std::holds_alternative<graph::SubgraphPtr>(attribute)) continue;
        attributes.push_back(describe(name, attribute));
    }
    hf_device_node described{};
    described.name = node.name.c_str();
    described.domain = node.domain.c_str();
    described.op = node.op.c_str();
    described.opset = node.opset;
    described.input_count = node.inputs.size();
    described.inputs = describe(node.inputs);
    described.output_count = node.outputs.size();
    described.outputs = describe(node.outputs);
    described.attribute_count = attributes.size();
    described.attributes = attributes.data();
    return described;
}

}  // namespace hf::runtime
