#include <algorithm>

#include "runtime/cpu/plan_codec.h"

namespace hf::runtime::cpu {
namespace {

void append_count(Bytes& out, std::size_t count) {
    append_le(out, static_cast<std::uint32_t>(count));
}

void append_text(Bytes& out, std::string_view text) {
    append_count(out, text.size());
    const ByteView bytes = as_bytes(text);
    out.insert(out.end(), bytes.begin(), bytes.end());
}

template <typename T>
void append_numbers(Bytes& out, const std::vector<T>& numbers) {
    append_count(out, numbers.size());
    for (const T& number : numbers) append_le(out, number);
}

void append_shape(Bytes& out, const Shape& shape) {
    append_numbers(out, shape.extents());
}

void append_port(Bytes& out, const Port& port) {
    append_text(out, port.name);
    append_le(out, port.dtype);
    append_shape(out, port.shape);
}

void append_operand(Bytes& out, const Operand& operand) {
    append_le(out, operand.place);
    if (operand.place == Place::kNone) return;
    append_le(out, operand.dtype);
    append_le(out, operand.offset);
    append_shape(out, operand.shape);
}

void append_tensor(Bytes& out, const Tensor& tensor) {
    append_le(out, tensor.dtype());
    append_shape(out, tensor.shape());
    if (tensor.dtype() == DType::kString) {
        for (const std::string& text : tensor.strings()) append_text(out, text);
        return;
    }
    out.insert(out.end(), tensor.bytes().begin(), tensor.bytes().end());
}

// The tag is the index of the alternative in graph::Attribute.
class AttributeWriter final {
public:
    explicit AttributeWriter(Bytes& out) : out_(out) {}

    void operator()(std::int64_t value) { append_le(out_, value); }
    void operator()(float value) { append_le(out_, value); }
    void operator()(const std::string& value) { append_text(out_, value); }
    void operator()(const std::vector<std::int64_t>& values) { append_numbers(out_, values); }
    void operator()(const std::vector<float>& values) { append_numbers(out_, values); }
    void operator()(const std::vector<std::string>& values) {
        append_count(out_, values.size());
        for (const std::string& value : values) append_text(out_, value);
    }
    void operator()(const Tensor& value) { append_tensor(out_, value); }
    void operator()(const graph::SubgraphPtr&) { has_subgraph_ = true; }

    bool has_subgraph() const { return has_subgraph_; }

private:
    Bytes& out_;
    bool has_subgraph_ = false;
};

void append_value(Bytes& out, const graph::Value& value) {
    append_text(out, value.name);
    append_le(out, value.dtype.value_or(DType::kF32));
    append_shape(out, value.shape.value_or(Shape()));
    append_le(out, static_cast<std::uint8_t>(value.quantization ? 1 : 0));
    if (!value.quantization) return;
    append_numbers(out, value.quantization->scales);
    append_numbers(out, value.quantization->zero_points);
    append_le(out, static_cast<std::uint64_t>(value.quantization->axis));
}

void append_ids(Bytes& out, const std::vector<graph::ValueId>& ids) {
    append_count(out, ids.size());
    for (graph::ValueId id : ids) append_le(out, id.value());
}

Status append_reference(Bytes& out, const graph::Graph& graph) {
    append_count(out, graph.values.size());
    for (const graph::Value& value : graph.values) append_value(out, value);
    const graph::Node& node = graph.nodes[0];
    append_text(out, node.name);
    append_text(out, node.domain);
    append_text(out, node.op);
    append_le(out, node.opset);
    append_ids(out, node.inputs);
    append_ids(out, node.outputs);
    append_count(out, node.attributes.size());
    for (const auto& [name, attribute] : node.attributes) {
        append_text(out, name);
        append_le(out, static_cast<std::uint8_t>(attribute.index()));
        AttributeWriter writer(out);
        std::visit(writer, attribute);
        if (writer.has_subgraph()) {
            return unimplemented("{}: plans hold no subgraphs", node.describe());
        }
    }
    return {};
}

}  // namespace

Result<Bytes> encode_list(const Plan& plan) {
    Bytes out;
    for (const auto* ports : {&plan.signature.inputs, &plan.signature.outputs}) {
        append_count(out, ports->size());
        for (const Port& port : *ports) append_port(out, port);
    }
    append_count(out, plan.operations.size());
    for (const Operation& operation : plan.operations) {
        append_text(out, operation.name);
        append_text(out, operation.kernel->name);
        for (const auto* operands : {&operation.inputs, &operation.outputs}) {
            append_count(out, operands->size());
            for (const Operand& operand : *operands) append_operand(out, operand);
        }
        append_operand(out, operation.scratch);
        append_numbers(out, operation.ints);
        append_numbers(out, operation.floats);
        append_le(out, static_cast<std::uint8_t>(operation.reference ? 1 : 0));
        if (operation.reference) HF_TRY(append_reference(out, *operation.reference));
    }
    return out;
}

}  // namespace hf::runtime::cpu
