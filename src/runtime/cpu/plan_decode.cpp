#include <cmath>

#include "runtime/cpu/plan_codec.h"

namespace hf::runtime::cpu {
namespace {

// Reads values of the list. Nothing is reserved by a count before its bytes have been seen.
class ListReader final {
public:
    explicit ListReader(ByteView bytes) : reader_(bytes) {}

    std::size_t offset() const { return reader_.offset(); }
    std::size_t remaining() const { return reader_.remaining(); }

    template <typename T>
    Result<T> number() {
        return reader_.read<T>();
    }

    // Every counted thing takes at least `item_bytes`.
    Result<std::size_t> count(std::size_t item_bytes) {
        const std::uint32_t count = HF_TRY(reader_.read<std::uint32_t>());
        if (count > reader_.remaining() / item_bytes) {
            return data_loss("offset {}: {} things do not fit the {} bytes that follow",
                             reader_.offset(), count, reader_.remaining());
        }
        return std::size_t{count};
    }

    Result<std::string> text() {
        const std::size_t size = HF_TRY(count(1));
        return std::string(as_text(HF_TRY(reader_.take(size))));
    }

    template <typename T>
    Result<std::vector<T>> numbers() {
        std::vector<T> values(HF_TRY(count(sizeof(T))));
        for (T& value : values) value = HF_TRY(reader_.read<T>());
        return values;
    }

    Result<Shape> shape() {
        Shape shape(HF_TRY(numbers<std::int64_t>()));
        HF_TRY(shape.check().context("offset {}", reader_.offset()));
        return shape;
    }

    Result<DType> dtype() {
        const auto value = HF_TRY(reader_.read<std::uint8_t>());
        if (value < static_cast<std::uint8_t>(DType::kF32) ||
            value > static_cast<std::uint8_t>(DType::kC128)) {
            return invalid_argument("offset {}: element type {}", reader_.offset(), value);
        }
        return static_cast<DType>(value);
    }

    Result<bool> flag() {
        const auto value = HF_TRY(reader_.read<std::uint8_t>());
        if (value > 1) return invalid_argument("offset {}: flag {}", reader_.offset(), value);
        return value == 1;
    }

    Result<ByteView> bytes(std::size_t size) { return reader_.take(size); }

private:
    ByteReader reader_;
};

Result<std::vector<Port>> read_ports(ListReader& in) {
    std::vector<Port> ports(HF_TRY(in.count(9)));
    for (Port& port : ports) {
        port.name = HF_TRY(in.text());
        port.dtype = HF_TRY(in.dtype());
        port.shape = HF_TRY(in.shape());
    }
    return ports;
}

Result<Operand> read_operand(ListReader& in) {
    Operand operand;
    const auto place = HF_TRY(in.number<std::uint8_t>());
    if (place > static_cast<std::uint8_t>(Place::kOutput)) {
        return invalid_argument("offset {}: place {}", in.offset(), place);
    }
    operand.place = static_cast<Place>(place);
    if (operand.place == Place::kNone) return operand;
    operand.dtype = HF_TRY(in.dtype());
    operand.offset = HF_TRY(in.number<std::uint64_t>());
    operand.shape = HF_TRY(in.shape());
    return operand;
}

Result<std::vector<Operand>> read_operands(ListReader& in) {
    std::vector<Operand> operands(HF_TRY(in.count(1)));
    for (Operand& operand : operands) operand = HF_TRY(read_operand(in));
    return operands;
}

Result<Tensor> read_tensor(ListReader& in) {
    const DType dtype = HF_TRY(in.dtype());
    const Shape shape = HF_TRY(in.shape());
    const std::size_t item = dtype == DType::kString ? sizeof(std::uint32_t) : dtype_size(dtype);
    if (static_cast<std::uint64_t>(shape.elements()) > in.remaining() / item) {
        return data_loss("offset {}: a tensor of {} does not fit", in.offset(), shape.to_string());
    }
    Tensor tensor(dtype, shape);
    if (dtype == DType::kString) {
        for (std::string& text : tensor.mutable_strings()) text = HF_TRY(in.text());
        return tensor;
    }
    const ByteView bytes = HF_TRY(in.bytes(tensor.bytes().size()));
    std::copy(bytes.begin(), bytes.end(), tensor.mutable_bytes().begin());
    return tensor;
}

Result<graph::Attribute> read_attribute(ListReader& in) {
    const auto tag = HF_TRY(in.number<std::uint8_t>());
    switch (tag) {
        case 0: return graph::Attribute(HF_TRY(in.number<std::int64_t>()));
        case 1: return graph::Attribute(HF_TRY(in.number<float>()));
        case 2: return graph::Attribute(HF_TRY(in.text()));
        case 3: return graph::Attribute(HF_TRY(in.numbers<std::int64_t>()));
        case 4: return graph::Attribute(HF_TRY(in.numbers<float>()));
        case 5: {
            std::vector<std::string> texts(HF_TRY(in.count(4)));
            for (std::string& text : texts) text = HF_TRY(in.text());
            return graph::Attribute(std::move(texts));
        }
        case 6: return graph::Attribute(HF_TRY(read_tensor(in)));
        default: return invalid_argument("offset {}: attribute of kind {}", in.offset(), tag);
    }
}

// What importers promise of a value's quantisation holds for a plan's too.
Status check_quantization(const graph::Quantization& q, const Shape& shape) {
    if (q.scales.empty() || q.zero_points.size() != q.scales.size()) {
        return invalid_argument("{} scales and {} zero points", q.scales.size(),
                                q.zero_points.size());
    }
    for (const float scale : q.scales) {
        if (!(scale > 0) || !std::isfinite(scale)) return invalid_argument("scale {}", scale);
    }
    for (const std::int64_t zero : q.zero_points) {
        if (zero < -(std::int64_t{1} << 31) || zero >= (std::int64_t{1} << 31)) {
            return invalid_argument("zero point {}", zero);
        }
    }
    if (q.scales.size() == 1) return {};
    if (q.axis >= shape.rank() || static_cast<std::int64_t>(q.scales.size()) != shape[q.axis]) {
        return invalid_argument("{} scales along axis {} of {}", q.scales.size(), q.axis,
                                shape.to_string());
    }
    return {};
}

Result<graph::Value> read_value(ListReader& in) {
    graph::Value value;
    value.name = HF_TRY(in.text());
    value.dtype = HF_TRY(in.dtype());
    value.shape = HF_TRY(in.shape());
    if (HF_TRY(in.flag())) {
        graph::Quantization q;
        q.scales = HF_TRY(in.numbers<float>());
        q.zero_points = HF_TRY(in.numbers<std::int64_t>());
        q.axis = static_cast<std::size_t>(HF_TRY(in.number<std::uint64_t>()));
        HF_TRY(check_quantization(q, *value.shape).context("value '{}'", value.name));
        value.quantization = std::move(q);
    }
    return value;
}

Result<std::vector<graph::ValueId>> read_ids(ListReader& in, std::size_t values) {
    std::vector<graph::ValueId> ids;
    for (const std::uint32_t id : HF_TRY(in.numbers<std::uint32_t>())) {
        ids.emplace_back(id);
        if (ids.back() != graph::kNoValue && id >= values) {
            return invalid_argument("offset {}: value {} of {}", in.offset(), id, values);
        }
    }
    return ids;
}

Result<std::shared_ptr<const graph::Graph>> read_reference(ListReader& in) {
    graph::Graph graph;
    graph.values.resize(HF_TRY(in.count(10)));
    for (graph::Value& value : graph.values) value = HF_TRY(read_value(in));
    graph::Node node;
    node.name = HF_TRY(in.text());
    node.domain = HF_TRY(in.text());
    node.op = HF_TRY(in.text());
    node.opset = HF_TRY(in.number<std::int64_t>());
    node.inputs = HF_TRY(read_ids(in, graph.values.size()));
    node.outputs = HF_TRY(read_ids(in, graph.values.size()));
    const std::size_t attributes = HF_TRY(in.count(5));
    for (std::size_t i = 0; i < attributes; ++i) {
        const std::string name = HF_TRY(in.text());
        node.attributes[name] = HF_TRY(read_attribute(in).context("attribute '{}'", name));
    }
    graph.nodes.push_back(std::move(node));
    return std::make_shared<const graph::Graph>(std::move(graph));
}

Result<Operation> read_operation(ListReader& in) {
    Operation operation;
    operation.name = HF_TRY(in.text());
    const std::string kernel = HF_TRY(in.text());
    operation.kernel = find_kernel(kernel);
    if (!operation.kernel) {
        return unimplemented("{}: this build has no kernel '{}'; compile the model again",
                             operation.name, kernel);
    }
    operation.inputs = HF_TRY(read_operands(in));
    operation.outputs = HF_TRY(read_operands(in));
    operation.scratch = HF_TRY(read_operand(in));
    operation.ints = HF_TRY(in.numbers<std::int64_t>());
    operation.floats = HF_TRY(in.numbers<float>());
    if (HF_TRY(in.flag())) operation.reference = HF_TRY(read_reference(in));
    return operation;
}

}  // namespace

Status decode_list(ByteView bytes, Plan& plan) {
    ListReader in(bytes);
    plan.signature.inputs = HF_TRY(read_ports(in).context("inputs"));
    plan.signature.outputs = HF_TRY(read_ports(in).context("outputs"));
    const std::size_t count = HF_TRY(in.count(1));
    for (std::size_t i = 0; i < count; ++i) {
        plan.operations.push_back(HF_TRY(read_operation(in).context("operation {}", i)));
    }
    if (in.remaining() > 0) return invalid_argument("{} bytes too many", in.remaining());
    return {};
}

}  // namespace hf::runtime::cpu
