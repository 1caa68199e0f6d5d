#include "passes/quantize/from_tflite.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "passes/quantize/opset.h"

namespace hf::passes {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

using Axes = std::vector<std::int64_t>;

const Axes kToNchw{0, 3, 1, 2}, kToNhwc{0, 2, 3, 1};

Shape permuted(const Shape& shape, const Axes& axes) {
    Axes extents;
    for (const std::int64_t axis : axes) extents.push_back(shape[static_cast<std::size_t>(axis)]);
    return Shape(extents);
}

Tensor permuted(const Tensor& tensor, const Axes& axes) {
    Tensor out(tensor.dtype(), permuted(tensor.shape(), axes));
    const Axes from = tensor.shape().strides(), to = out.shape().strides();
    const auto values = tensor.values<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
        auto left = static_cast<std::int64_t>(i);
        std::int64_t source = 0;
        for (std::size_t axis = 0; axis < axes.size(); ++axis) {
            source += left / to[axis] * from[static_cast<std::size_t>(axes[axis])];
            left %= to[axis];
        }
        out.mutable_values<float>()[i] = values[static_cast<std::size_t>(source)];
    }
    return out;
}

class Writer final {
public:
    explicit Writer(const Graph& from) : from_(from) {
        straight_.resize(from.values.size(), kNoValue);
        turned_.resize(from.values.size(), kNoValue);
        to_.name = from.name;
        to_.metadata = from.metadata;
    }

    Result<Graph> write() {
        for (const ValueId id : from_.inputs) {
            straight_[id.value()] = add(from_.value(id).name, from_.value(id).shape);
            to_.value(straight_[id.value()]).dtype = from_.value(id).dtype;
            to_.inputs.push_back(straight_[id.value()]);
        }
        for (std::size_t i = 0; i < from_.nodes.size(); ++i) {
            node_ = &from_.nodes[i];
            HF_TRY(convert().context("{}", node_->describe()));
        }
        for (const ValueId id : from_.outputs) {
            const ValueId value = straight(id);
            to_.outputs.push_back(value);
        }
        return std::move(to_);
    }

private:
    using Rule = Status (Writer::*)();

    ValueId add(const std::string& name, const std::optional<Shape>& shape) {
        graph::Value value;
        value.name = name;
        value.dtype = DType::kF32;
        value.shape = shape;
        return to_.add_value(std::move(value));
    }

    bool is_output(ValueId id) const {
        return std::find(from_.outputs.begin(), from_.outputs.end(), id) != from_.outputs.end();
    }

    ValueId in(std::size_t place) const {
        return place < node_->inputs.size() ? node_->inputs[place] : kNoValue;
    }
    const Shape& shape(ValueId id) const { return *from_.value(id).shape; }
    ValueId out() const { return node_->outputs[0]; }

    void emit(std::string op, std::vector<ValueId> inputs, ValueId output,
              graph::AttributeMap attributes = {}) {
        const std::string name =
            node_ ? fmt::format("{}_{}", node_->name, to_.nodes.size()) : std::string("Transpose");
        to_.nodes.push_back({name,
                             "",
                             std::move(op),
                             kLeastQuantizedOpset,
                             std::move(inputs),
                             {output},
                             std::move(attributes)});
    }

    // The value as TFLite has it.
    ValueId straight(ValueId id) {
        ValueId& known = straight_[id.value()];
        if (known != kNoValue) return known;
        const graph::Value& value = from_.value(id);
        if (value.constant) {
            known = to_.add_constant(value.name, *value.constant);
        } else {
            known = add(is_output(id) ? value.name : value.name + "_nhwc", value.shape);
            emit("Transpose", {turned_[id.value()]}, known, {{"perm", kToNhwc}});
        }
        return known;
    }

    // The image in NCHW. REQUIRES: rank 4.
    ValueId turned(ValueId id) {
        ValueId& known = turned_[id.value()];
        if (known != kNoValue) return known;
        known = add(from_.value(id).name + "_nchw", permuted(shape(id), kToNchw));
        emit("Transpose", {straight(id)}, known, {{"perm", kToNchw}});
        return known;
    }

    // A new value for the node's output, straight or turned.
    ValueId result(bool image) {
        const graph::Value& value = from_.value(out());
        const bool renamed = image && is_output(out());
        const ValueId id = add(renamed ? value.name + "_nchw" : value.name,
                               image ? permuted(*value.shape, kToNchw) : *value.shape);
        (image ? turned_ : straight_)[out().value()] = id;
        return id;
    }

    ValueId constant(const std::string& what, Tensor tensor) {
        return to_.add_constant(node_->name + "_" + what, std::move(tensor));
    }
    ValueId extents(const std::string& what, const Axes& values) {
        return constant(what, Tensor::of<std::int64_t>(
                                  DType::kI64, {static_cast<std::int64_t>(values.size())}, values));
    }
    ValueId number(const std::string& what, float value) {
        return constant(what, Tensor::of<float>(DType::kF32, {}, std::span(&value, 1)));
    }

    // `op` of what `inputs` gives, and the activation that the node fuses behind it.
    Status emit_active(const std::string& op, std::vector<ValueId> inputs, bool image,
                       graph::AttributeMap attributes = {}) {
        const std::string fused = node_->string_or("fused_activation", "NONE");
        if (fused == "NONE") {
            emit(op, std::move(inputs), result(image), std::move(attributes));
            return {};
        }
        const ValueId last = result(image);
        const ValueId raw = add(node_->name + "_linear", to_.value(last).shape);
        emit(op, std::move(inputs), raw, std::move(attributes));
        return emit_activation(fused, raw, last);
    }

    Status emit_activation(const std::string& kind, ValueId from, ValueId to) {
        if (kind == "RELU") {
            emit("Relu", {from}, to);
        } else if (kind == "RELU6") {
            emit("Clip", {from, number("min", 0), number("max", 6)}, to);
        } else if (kind == "RELU_N1_TO_1") {
            emit("Clip", {from, number("min", -1), number("max", 1)}, to);
        } else {
            return unimplemented("the activation {} has no counterpart", kind);
        }
        return {};
    }

    // Strides, dilations, and TFLite's padding spelt out.
    graph::AttributeMap window(std::array<std::int64_t, 2> kernel) const {
        const std::array<std::int64_t, 2> strides{node_->int_or("stride_h", 1),
                                                  node_->int_or("stride_w", 1)};
        const std::array<std::int64_t, 2> dilations{node_->int_or("dilation_h", 1),
                                                    node_->int_or("dilation_w", 1)};
        Axes pads(4, 0);
        for (std::size_t axis = 0; axis < 2; ++axis) {
            if (node_->string_or("padding", "VALID") != "SAME") break;
            const std::int64_t reach = (kernel[axis] - 1) * dilations[axis] + 1;
            const std::int64_t total = std::max<std::int64_t>(
                0, (shape(out())[axis + 1] - 1) * strides[axis] + reach - shape(in(0))[axis + 1]);
            pads[axis] = total / 2;
            pads[axis + 2] = total - total / 2;
        }
        return {{"kernel_shape", Axes{kernel[0], kernel[1]}},
                {"strides", Axes{strides[0], strides[1]}},
                {"pads", pads}};
    }

    Status convert() {
        static constexpr std::pair<std::string_view, Rule> kRules[] = {
            {"CONV_2D", &Writer::conv},          {"DEPTHWISE_CONV_2D", &Writer::conv},
            {"FULLY_CONNECTED", &Writer::dense}, {"AVERAGE_POOL_2D", &Writer::pool},
            {"MAX_POOL_2D", &Writer::pool},      {"ADD", &Writer::arithmetic},
            {"SUB", &Writer::arithmetic},        {"MUL", &Writer::arithmetic},
            {"RESHAPE", &Writer::reshape},       {"SQUEEZE", &Writer::reshape},
            {"SOFTMAX", &Writer::softmax},       {"MEAN", &Writer::mean},
            {"RELU", &Writer::activation},       {"RELU6", &Writer::activation},
            {"LOGISTIC", &Writer::activation}};
        for (const auto& [op, rule] : kRules) {
            if (node_->op != op) continue;
            for (const ValueId id : {in(0), out()}) {
                const graph::Value& value = from_.value(id);
                if (value.dtype != DType::kF32) return unimplemented("it is not in f32");
                if (!value.shape || !value.shape->is_known()) {
                    return unimplemented("its shape is not known");
                }
            }
            return (this->*rule)();
        }
        return unimplemented("the operator has no counterpart for quantising");
    }

    Result<const Tensor*> weights(std::size_t rank) const {
        const ValueId id = in(1);
        const Tensor* tensor =
            id != kNoValue && from_.value(id).constant ? &*from_.value(id).constant : nullptr;
        if (!tensor || tensor->dtype() != DType::kF32 || tensor->shape().rank() != rank) {
            return unimplemented("its weights are no f32 constants of rank {}", rank);
        }
        return tensor;
    }

    Status conv() {
        const Tensor& w = *HF_TRY(weights(4));
        const bool depthwise = node_->op == "DEPTHWISE_CONV_2D";
        graph::AttributeMap attributes = window({w.shape()[1], w.shape()[2]});
        attributes["dilations"] =
            Axes{node_->int_or("dilation_h", 1), node_->int_or("dilation_w", 1)};
        attributes["group"] = depthwise ? shape(in(0))[3] : std::int64_t{1};
        // Of [1, h, w, filters] the filters go first, of [out, h, w, in] the inputs second.
        Tensor ours = permuted(w, depthwise ? Axes{3, 0, 1, 2} : kToNchw);
        std::vector<ValueId> inputs{turned(in(0)), constant("weights", std::move(ours))};
        if (in(2) != kNoValue) inputs.push_back(straight(in(2)));
        return emit_active("Conv", std::move(inputs), true, std::move(attributes));
    }

    Status dense() {
        const Tensor& w = *HF_TRY(weights(2));
        ValueId x = straight(in(0));
        const std::int64_t depth = w.shape()[1];
        const std::int64_t rows = shape(out()).elements() / std::max<std::int64_t>(1, w.shape()[0]);
        if (shape(out()).rank() != 2) return unimplemented("its result is no matrix");
        if (shape(in(0)) != Shape{rows, depth}) {
            const ValueId matrix = add(node_->name + "_rows", Shape{rows, depth});
            emit("Reshape", {x, extents("shape", {rows, depth})}, matrix);
            x = matrix;
        }
        std::vector<ValueId> inputs{x, straight(in(1))};
        if (in(2) != kNoValue) inputs.push_back(straight(in(2)));
        return emit_active("Gemm", std::move(inputs), false, {{"transB", std::int64_t{1}}});
    }

    Status pool() {
        const bool mean = node_->op == "AVERAGE_POOL_2D";
        return emit_active(mean ? "AveragePool" : "MaxPool", {turned(in(0))}, true,
                           window({node_->int_or("filter_h", 1), node_->int_or("filter_w", 1)}));
    }

    Status arithmetic() {
        const std::string op = node_->op == "ADD" ? "Add" : node_->op == "SUB" ? "Sub" : "Mul";
        const bool images = shape(out()).rank() == 4 && shape(in(0)) == shape(in(1)) &&
                            !from_.value(in(0)).constant && !from_.value(in(1)).constant;
        if (images) return emit_active(op, {turned(in(0)), turned(in(1))}, true);
        return emit_active(op, {straight(in(0)), straight(in(1))}, false);
    }

    Status reshape() {
        const ValueId x = straight(in(0));
        emit("Reshape", {x, extents("shape", shape(out()).extents())}, result(false));
        return {};
    }

    Status softmax() {
        if (node_->float_or("beta", 1) != 1) return unimplemented("its beta is not 1");
        const ValueId x = straight(in(0));
        emit("Softmax", {x}, result(false), {{"axis", std::int64_t{-1}}});
        return {};
    }

    Status mean() {
        const ValueId id = in(1);
        const auto* axes = from_.value(id).constant ? &*from_.value(id).constant : nullptr;
        const bool image = axes && axes->dtype() == DType::kI32 && axes->elements() == 2 &&
                           shape(in(0)).rank() == 4 && axes->values<std::int32_t>()[0] == 1 &&
                           axes->values<std::int32_t>()[1] == 2;
        if (!image) return unimplemented("only the mean over height and width has a counterpart");
        const Shape& whole = shape(in(0));
        const ValueId x = turned(in(0));
        if (shape(out()).rank() == 4) {
            emit("GlobalAveragePool", {x}, result(true));
            return {};
        }
        const ValueId pooled = add(node_->name + "_mean", Shape{whole[0], whole[3], 1, 1});
        emit("GlobalAveragePool", {x}, pooled);
        emit("Reshape", {pooled, extents("shape", shape(out()).extents())}, result(false));
        return {};
    }

    Status activation() {
        const bool image = turned_[in(0).value()] != kNoValue;
        const ValueId x = image ? turned(in(0)) : straight(in(0));
        if (node_->op == "LOGISTIC") {
            emit("Sigmoid", {x}, result(image));
            return {};
        }
        return emit_activation(node_->op, x, result(image));
    }

    const Graph& from_;
    const Node* node_ = nullptr;
    Graph to_;
    std::vector<ValueId> straight_, turned_;  // by ValueId of from_
};

}  // namespace

bool has_tflite(const Graph& graph) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                       [](const Node& node) { return node.domain == "tflite"; });
}

Result<Graph> from_tflite(const Graph& graph) {
    return Writer(graph).write();
}

}  // namespace hf::passes
