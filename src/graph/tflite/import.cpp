#include "graph/tflite/import.h"

#include <cmath>
#include <limits>
#include <unordered_map>
#include <unordered_set>

#include "graph/tflite/flatbuffer.h"
#include "graph/tflite/operators.h"

namespace hf::graph::tflite {

Result<DType> dtype_of(std::int8_t type) {
    constexpr DType kTypes[] = {DType::kF32, DType::kF16,    DType::kI32,  DType::kU8,
                                DType::kI64, DType::kString, DType::kBool, DType::kI16,
                                DType::kC64, DType::kI8,     DType::kF64};
    constexpr auto kCount = static_cast<std::int8_t>(std::size(kTypes));
    if (type < 0 || type >= kCount || kTypes[type] == DType::kString) {
        return unimplemented("tensor type {} of the TFLite schema", type);
    }
    return kTypes[type];
}

namespace {

constexpr std::uint32_t kSchemaVersion = 3;

// The values that a zero point may take: those of the stored type.
std::pair<std::int64_t, std::int64_t> zero_point_range(DType dtype) {
    switch (dtype) {
        case DType::kI8: return {-128, 127};
        case DType::kU8: return {0, 255};
        case DType::kI16: return {-32768, 32767};
        default: return {0, 0};
    }
}

Status check_quantization(const Quantization& quantization, DType dtype, const Shape& shape) {
    for (float scale : quantization.scales) {
        if (!std::isfinite(scale) || scale <= 0) {
            return invalid_argument("quantisation scale {} is not positive", scale);
        }
    }
    const auto [low, high] = zero_point_range(dtype);
    for (std::int64_t zero : quantization.zero_points) {
        if (zero < low || zero > high) {
            return invalid_argument("zero point {} is outside [{}, {}] of {}", zero, low, high,
                                    dtype_name(dtype));
        }
    }
    const std::size_t count = quantization.scales.size();
    if (quantization.zero_points.size() != count) {
        return invalid_argument("{} scales and {} zero points", count,
                                quantization.zero_points.size());
    }
    if (count == 1) return {};
    if (quantization.axis >= shape.rank() ||
        static_cast<std::int64_t>(count) != shape[quantization.axis]) {
        return invalid_argument("{} scales along axis {} of shape {}", count, quantization.axis,
                                shape.to_string());
    }
    return {};
}

class Importer {
public:
    Importer(const std::shared_ptr<const void>& owner, Table model)
        : owner_(owner), model_(model) {}

    Result<Graph> import() {
        const auto version = HF_TRY(model_.scalar<std::uint32_t>(0, 0));
        if (version != kSchemaVersion) {
            return unimplemented("schema version {}; convert the model again for version {}",
                                 version, kSchemaVersion);
        }
        const TableVector subgraphs = HF_TRY(model_.tables(2));
        if (subgraphs.size() == 0) return invalid_argument("the model has no subgraph");
        const Table subgraph = HF_TRY(subgraphs[0]);
        graph_.name = HF_TRY(subgraph.string(4));
        graph_.metadata["producer"] = HF_TRY(model_.string(3));
        codes_ = HF_TRY(model_.tables(1));
        buffers_ = HF_TRY(model_.tables(4));
        tensors_ = HF_TRY(subgraph.tables(0));
        ids_.assign(tensors_->size(), kNoValue);
        const auto inputs = HF_TRY(subgraph.scalars<std::int32_t>(1));
        for (std::size_t i = 0; i < inputs.size(); ++i) HF_TRY(add_input(inputs[i]));
        const TableVector operators = HF_TRY(subgraph.tables(3));
        for (std::size_t i = 0; i < operators.size(); ++i) {
            HF_TRY(add_node(HF_TRY(operators[i]), i));
        }
        const auto outputs = HF_TRY(subgraph.scalars<std::int32_t>(2));
        if (outputs.empty()) return invalid_argument("the model has no output");
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            graph_.outputs.push_back(HF_TRY(use(outputs[i]).context("output {} of the model", i)));
        }
        return std::move(graph_);
    }

private:
    Result<std::size_t> check_index(std::int32_t index) const {
        if (index < 0 || static_cast<std::size_t>(index) >= ids_.size()) {
            return invalid_argument("tensor {} of {} does not exist", index, ids_.size());
        }
        return static_cast<std::size_t>(index);
    }

    Status add_input(std::int32_t index) {
        const std::size_t at = HF_TRY(check_index(index).context("an input of the model"));
        const Value value = HF_TRY(read_value(at));
        graph_.inputs.push_back(HF_TRY(define(at, value, "an input of the model")));
        return {};
    }

    // A new value for a tensor that nothing has defined yet.
    Result<ValueId> define(std::size_t index, Value value, std::string_view by) {
        if (ids_[index] != kNoValue) {
            return invalid_argument("tensor '{}' is defined twice, the second time by {}",
                                    value.name, by);
        }
        // Names in TFLite files are for people: they may repeat and be empty.
        if (value.name.empty()) value.name = fmt::format("tensor_{}", index);
        while (!names_.insert(value.name).second) value.name += fmt::format("_{}", index);
        ids_[index] = ValueId(static_cast<std::uint32_t>(graph_.values.size()));
        graph_.values.push_back(std::move(value));
        return ids_[index];
    }

    // The value of a tensor that must be there by now; constants come to be when first used.
    Result<ValueId> use(std::int32_t index) {
        const std::size_t at = HF_TRY(check_index(index));
        if (ids_[at] != kNoValue) return ids_[at];
        Value value = HF_TRY(read_value(at));
        const Table tensor = HF_TRY((*tensors_)[at]);
        if (HF_TRY(tensor.scalar<std::uint8_t>(5, 0)) != 0) {
            return unimplemented("'{}' is a variable that the model keeps between runs",
                                 value.name);
        }
        const ByteView data = HF_TRY(constant_bytes(tensor).context("'{}'", value.name));
        if (data.empty() && value.shape->elements() != 0) {
            return invalid_argument("'{}' is used before it is computed, or never computed",
                                    value.name);
        }
        value.constant = HF_TRY(make_constant(value, data).context("'{}'", value.name));
        return define(at, std::move(value), "a constant");
    }

    Result<ByteView> constant_bytes(const Table& tensor) {
        const auto index = HF_TRY(tensor.scalar<std::uint32_t>(2, 0));
        if (index == 0) return ByteView();
        const Table buffer = HF_TRY((*buffers_)[index].context("buffer"));
        if (HF_TRY(buffer.scalar<std::uint64_t>(1, 0)) > 1) {
            return unimplemented("weights outside the flatbuffer (a model larger than 2 GiB)");
        }
        return HF_TRY(buffer.scalars<std::uint8_t>(0)).bytes();
    }

    Result<Tensor> make_constant(const Value& value, ByteView data) {
        const std::size_t element = dtype_size(*value.dtype);
        const auto wanted = static_cast<std::uint64_t>(value.shape->elements()) * element;
        if (data.size() != wanted) {
            return invalid_argument("{} bytes of data where shape {} of {} needs {}", data.size(),
                                    value.shape->to_string(), dtype_name(*value.dtype), wanted);
        }
        const auto address = reinterpret_cast<std::uintptr_t>(data.data());
        if (owner_ && address % element == 0) {
            return Tensor::borrowed(*value.dtype, *value.shape, data, owner_);
        }
        Tensor tensor(*value.dtype, *value.shape);
        if (!data.empty()) std::memcpy(tensor.mutable_bytes().data(), data.data(), data.size());
        return tensor;
    }

    Result<Value> read_value(std::size_t index) {
        const Table tensor = HF_TRY((*tensors_)[index].context("tensor {}", index));
        Value value;
        value.name = HF_TRY(tensor.string(3).context("tensor {}", index));
        const auto fill = [&]() -> Status {
            value.dtype = HF_TRY(dtype_of(HF_TRY(tensor.scalar<std::int8_t>(1, 0))));
            value.shape = HF_TRY(read_shape(tensor));
            if (tensor.has(6)) return unimplemented("sparse tensors");
            const auto stored = HF_TRY(tensor.table(4));
            if (stored) value.quantization = HF_TRY(read_quantization(*stored));
            return value.quantization
                       ? check_quantization(*value.quantization, *value.dtype, *value.shape)
                       : Status();
        };
        HF_TRY(fill().context("tensor {} '{}'", index, value.name));
        return value;
    }

    static Result<Shape> read_shape(const Table& tensor) {
        const auto stored = HF_TRY(tensor.scalars<std::int32_t>(0));
        if (stored.size() > Shape::kMaxRank) {
            return invalid_argument("rank {}; the most is {}", stored.size(), Shape::kMaxRank);
        }
        std::vector<std::int64_t> extents;
        for (std::size_t i = 0; i < stored.size(); ++i) extents.push_back(stored[i]);
        Shape shape(std::move(extents));
        HF_TRY(shape.check());
        return shape;
    }

    static Result<std::optional<Quantization>> read_quantization(const Table& table) {
        if (HF_TRY(table.scalar<std::uint8_t>(4, 0)) != 0) {
            return unimplemented("custom or blockwise quantisation");
        }
        const auto scales = HF_TRY(table.scalars<float>(2));
        if (scales.empty()) return std::optional<Quantization>();
        Quantization quantization;
        for (std::size_t i = 0; i < scales.size(); ++i) quantization.scales.push_back(scales[i]);
        const auto zeros = HF_TRY(table.scalars<std::int64_t>(3));
        for (std::size_t i = 0; i < zeros.size(); ++i) {
            quantization.zero_points.push_back(zeros[i]);
        }
        if (zeros.empty()) quantization.zero_points.assign(scales.size(), 0);
        const auto axis = HF_TRY(table.scalar<std::int32_t>(6, 0));
        if (axis < 0) return invalid_argument("quantised dimension {}", axis);
        quantization.axis = static_cast<std::size_t>(axis);
        return std::optional<Quantization>(std::move(quantization));
    }

    Status add_node(const Table& stored, std::size_t position) {
        const auto code_index = HF_TRY(stored.scalar<std::uint32_t>(0, 0));
        const Table code = HF_TRY((*codes_)[code_index].context("operator {}", position));
        Node node;
        node.domain = "tflite";
        const Builtin* builtin = HF_TRY(find_operator(code, position));
        node.op = builtin->name;
        node.name = fmt::format("{}_{}", builtin->name, position);
        return connect(*builtin, stored, node).context("{}", node.describe());
    }

    Status connect(const Builtin& builtin, const Table& stored, Node node) {
        const auto tag = HF_TRY(stored.scalar<std::uint8_t>(3, 0));
        const std::optional<Table> options = HF_TRY(stored.table(4));
        if (builtin.options_type != 0 && tag != 0 && tag != builtin.options_type) {
            return invalid_argument("options of kind {}, want {}", tag, builtin.options_type);
        }
        HF_TRY(read_options(builtin, tag == 0 ? std::nullopt : options, node));
        const auto inputs = HF_TRY(stored.scalars<std::int32_t>(1));
        if (inputs.size() < builtin.inputs_min || inputs.size() > builtin.inputs_max) {
            return invalid_argument("{} inputs; want {} to {}", inputs.size(), builtin.inputs_min,
                                    builtin.inputs_max);
        }
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const bool omitted = inputs[i] == -1 && i >= builtin.inputs_min;
            node.inputs.push_back(omitted ? kNoValue
                                          : HF_TRY(use(inputs[i]).context("input {}", i)));
        }
        HF_TRY(widen_weights(node));
        const auto outputs = HF_TRY(stored.scalars<std::int32_t>(2));
        if (outputs.size() != 1) return invalid_argument("{} outputs; want 1", outputs.size());
        const std::size_t at = HF_TRY(check_index(outputs[0]).context("output"));
        node.outputs.push_back(HF_TRY(define(at, HF_TRY(read_value(at)), node.describe())));
        graph_.nodes.push_back(std::move(node));
        return {};
    }

    // Puts f32 weights in the place of quantised ones where the other input is f32.
    Status widen_weights(Node& node) {
        const bool layer = node.op.ends_with("CONV_2D") || node.op == "FULLY_CONNECTED";
        if (!layer || graph_.value(node.inputs[0]).dtype != DType::kF32) return {};
        const Value weights = graph_.value(node.inputs[1]);
        if (weights.dtype != DType::kI8 || !weights.constant || !weights.quantization) return {};
        const auto [known, fresh] = widened_.try_emplace(node.inputs[1].value(), kNoValue);
        if (fresh) {
            Value wide;
            wide.name = weights.name + "_f32";
            while (!names_.insert(wide.name).second) wide.name += "_";
            wide.dtype = DType::kF32;
            wide.shape = weights.shape;
            wide.constant = dequantized(*weights.constant, *weights.quantization);
            known->second = ValueId(static_cast<std::uint32_t>(graph_.values.size()));
            graph_.values.push_back(std::move(wide));
        }
        node.inputs[1] = known->second;
        return {};
    }

    static Tensor dequantized(const Tensor& stored, const Quantization& quantization) {
        Tensor wide(DType::kF32, stored.shape());
        const std::span<const std::int8_t> from = stored.values<std::int8_t>();
        const std::span<float> to = wide.mutable_values<float>();
        const std::size_t scales = quantization.scales.size();
        const std::vector<std::int64_t> strides = stored.shape().strides();
        const std::size_t step =
            scales == 1 ? 1 : static_cast<std::size_t>(strides[quantization.axis]);
        for (std::size_t i = 0; i < from.size(); ++i) {
            const std::size_t lane = i / step % scales;
            to[i] = quantization.scales[lane] *
                    static_cast<float>(from[i] - quantization.zero_points[lane]);
        }
        return wide;
    }

    // The operator's row, or UNIMPLEMENTED with a name for the node all the same.
    static Result<const Builtin*> find_operator(const Table& code, std::size_t position) {
        // Files from before 2020 hold the code in a byte; later ones in both while it fits there.
        constexpr std::int32_t kCustom = 32;
        const auto old_code = HF_TRY(code.scalar<std::int8_t>(0, 0));
        const auto new_code = HF_TRY(code.scalar<std::int32_t>(3, 0));
        const std::int32_t number = std::max<std::int32_t>(old_code, new_code);
        if (number == kCustom) {
            return unimplemented("node {}: the custom operator '{}' is not in Holdfast", position,
                                 HF_TRY(code.string(1)));
        }
        const Builtin* builtin = find_builtin(number);
        if (!builtin) {
            return unimplemented("node {}: TFLite's builtin operator number {} is not in Holdfast",
                                 position, number);
        }
        return builtin;
    }

    const std::shared_ptr<const void>& owner_;
    Table model_;
    Graph graph_;
    std::optional<TableVector> codes_, buffers_, tensors_;
    std::vector<ValueId> ids_;  // by tensor index; kNoValue until defined
    std::unordered_set<std::string> names_;
    std::unordered_map<std::uint32_t, ValueId> widened_;  // i8 weights to their f32 copies
};

}  // namespace

Result<Graph> import_model(ByteView bytes, const std::shared_ptr<const void>& owner) {
    Flatbuffer buffer(bytes);
    if (!buffer.has_identifier("TFL3")) return invalid_argument("not a TFLite model");
    const Table model = HF_TRY(Table::root(buffer));
    return Importer(owner, model).import();
}

}  // namespace hf::graph::tflite
