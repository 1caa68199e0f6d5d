// move-transposes: moves the Transposes from NHWC to NCHW that lower-images makes towards the
// outputs, through operators that can work in NHWC as well, until they meet the ones back to NHWC
// and cancel. Adjacent Transposes of any kind become one or none.
//
// One forward walk. A Transpose is not emitted where it stands: its output is remembered as "this
// source, turned so". Who can work on the source does, and its output is remembered in turn; for
// whoever cannot, the Transpose is emitted then, once.

#include <algorithm>

#include "passes/editor.h"
#include "passes/operators.h"
#include "passes/pass.h"
#include "passes/permute.h"

namespace hf::passes {
namespace {

using graph::Graph;
using graph::kNoValue;
using graph::Node;
using graph::ValueId;

using Ints = std::vector<std::int64_t>;

constexpr std::int64_t kOpset = 13;

const Ints& to_nchw() {
    static const Ints order{0, 3, 1, 2};
    return order;
}

struct Turned {
    ValueId source;
    Ints order;
    std::string name;  // of the Transpose, if it must be emitted
    bool emitted = false;
};

class Mover final {
public:
    explicit Mover(Graph& graph)
        : graph_(graph), pinned_(captured_values(graph)), turned_(graph.values.size()) {
        for (ValueId id : graph.outputs) pinned_[id.value()] = true;
        for (std::size_t i = 0; i < graph.values.size(); ++i) {
            alias_.emplace_back(static_cast<std::uint32_t>(i));
        }
    }

    bool run() {
        const std::vector<Node> original = graph_.nodes;
        for (Node node : original) {
            for (ValueId& id : node.inputs) {
                if (id != kNoValue) id = alias_[id.value()];
            }
            visit(std::move(node));
        }
        // Without a change the walk has only moved Transposes to where they are used.
        graph_.nodes = changed_ ? std::move(nodes_) : original;
        compact(graph_);
        return changed_;
    }

private:
    void visit(Node node) {
        if (is_onnx(node, "Transpose") && turn(node)) return;
        if (absorb(node)) {
            changed_ = true;
            return;
        }
        for (ValueId id : node.inputs) emit_transpose(id);
        nodes_.push_back(std::move(node));
    }

    // Remembers a Transpose. False when its order is not known.
    bool turn(const Node& node) {
        const Ints order = node.ints_or("perm", {});
        if (node.inputs.size() != 1 || node.outputs.size() != 1 || node.inputs[0] == kNoValue ||
            node.outputs[0] == kNoValue) {
            return false;
        }
        const auto& shape = graph_.value(node.inputs[0]).shape;
        if (order.empty() || !shape || order.size() != shape->rank()) return false;
        const ValueId input = node.inputs[0];
        const ValueId output = node.outputs[0];
        Turned turned{input, order, node.name};
        if (const auto& before = turned_[input.value()]) {
            turned.source = before->source;
            for (std::size_t i = 0; i < order.size(); ++i) {
                turned.order[i] = before->order[static_cast<std::size_t>(order[i])];
            }
            changed_ = true;
        }
        if (!std::is_sorted(turned.order.begin(), turned.order.end())) {
            remember(output, std::move(turned));
        } else if (pinned_[output.value()]) {
            emit_transpose(turned.source);
            nodes_.push_back({node.name, "", "Identity", kOpset, {turned.source}, {output}, {}});
        } else {
            alias_[output.value()] = turned.source;
        }
        return true;
    }

    void remember(ValueId id, Turned turned) {
        turned_[id.value()] = std::move(turned);
        if (pinned_[id.value()]) emit_transpose(id);
    }

    void emit_transpose(ValueId id) {
        if (id == kNoValue || !turned_[id.value()] || turned_[id.value()]->emitted) return;
        Turned& turned = *turned_[id.value()];
        turned.emitted = true;
        nodes_.push_back({turned.name,
                          "",
                          "Transpose",
                          kOpset,
                          {turned.source},
                          {id},
                          {{"perm", turned.order}}});
    }

    // The NHWC image behind an NCHW value; kNoValue when there is none.
    ValueId image(ValueId id) const {
        if (id == kNoValue || !turned_[id.value()]) return kNoValue;
        return turned_[id.value()]->order == to_nchw() ? turned_[id.value()]->source : kNoValue;
    }

    bool is_constant(ValueId id) const {
        return id != kNoValue && graph_.value(id).constant.has_value();
    }

    const Tensor* constant(ValueId id) const {
        return is_constant(id) ? &*graph_.value(id).constant : nullptr;
    }

    bool absorb(const Node& node) {
        if (node.inputs.empty() || node.outputs.size() != 1 || node.outputs[0] == kNoValue) {
            return false;
        }
        if (is_binary_elementwise(node) || is_hf(node, "QAdd")) return absorb_binary(node);
        if (is_onnx(node, "Concat")) return absorb_concat(node);
        if (image(node.inputs[0]) == kNoValue) return false;
        if (is_unary_elementwise(node) || is_hf(node, "Gelu")) return absorb_unary(node);
        if (is_conversion(node)) return absorb_unary(node);
        if (is_onnx(node, "GlobalAveragePool")) return absorb_global(node, "ReduceMean");
        if (is_onnx(node, "GlobalMaxPool")) return absorb_global(node, "ReduceMax");
        if (is_onnx(node, "ReduceMean") || is_onnx(node, "ReduceMax")) return absorb_reduce(node);
        if (is_onnx(node, "Reshape") || is_onnx(node, "Flatten") || is_onnx(node, "Squeeze")) {
            return absorb_reshape(node);
        }
        return is_onnx(node, "Pad") && absorb_pad(node);
    }

    // From or to int8 with one scale for all.
    bool is_conversion(const Node& node) const {
        if (!is_onnx(node, "QuantizeLinear") && !is_onnx(node, "DequantizeLinear")) return false;
        const Tensor* scale = node.inputs.size() > 1 ? constant(node.inputs[1]) : nullptr;
        return scale && scale->elements() == 1;
    }

    // Emits `node` on images: its one output becomes an image, and the old output is that, turned.
    void emit_on_images(Node node) {
        const ValueId output = node.outputs[0];
        std::optional<Shape> shape = graph_.value(output).shape;
        if (shape) shape = unpermuted(*shape, to_nchw());
        const ValueId turned = fresh(graph_.value(output).name, graph_.value(output).dtype, shape);
        const std::string name = node.name + "_to_nchw";
        for (ValueId id : node.inputs) emit_transpose(id);  // of what is no image: single elements
        node.outputs[0] = turned;
        nodes_.push_back(std::move(node));
        remember(output, {turned, to_nchw(), name});
    }

    ValueId fresh(const std::string& stem, std::optional<DType> dtype, std::optional<Shape> shape) {
        const ValueId id = fresh_value(graph_, stem, dtype, std::move(shape));
        pinned_.push_back(false);
        turned_.emplace_back();
        alias_.push_back(id);
        return id;
    }

    ValueId fresh_constant(const std::string& stem, Tensor tensor) {
        const ValueId id = fresh(stem, tensor.dtype(), tensor.shape());
        graph_.value(id).constant = std::move(tensor);
        return id;
    }

    bool absorb_unary(Node node) {
        const auto turned = [&](ValueId id) { return id != kNoValue && turned_[id.value()]; };
        if (std::any_of(node.inputs.begin() + 1, node.inputs.end(), turned)) return false;
        node.inputs[0] = image(node.inputs[0]);
        emit_on_images(std::move(node));
        return true;
    }

    // Both operands images, or one of them a constant or a single element.
    bool absorb_binary(Node node) {
        const bool any = image(node.inputs[0]) != kNoValue || image(node.inputs[1]) != kNoValue;
        if (!any || node.inputs[0] == kNoValue || node.inputs[1] == kNoValue) return false;
        for (ValueId id : node.inputs) {
            const auto& shape = graph_.value(id).shape;
            const bool fits = shape && shape->rank() <= 4 && shape->is_known();
            const Tensor* tensor = constant(id);
            const bool movable = tensor && tensor->dtype() != DType::kString;
            const bool single = fits && shape->elements() == 1;
            if (image(id) == kNoValue && !(fits && (movable || single))) return false;
        }
        for (ValueId& id : node.inputs) {
            if (const ValueId source = image(id); source != kNoValue) {
                id = source;
            } else if (constant(id) && constant(id)->elements() != 1) {
                id = fresh_constant(graph_.value(id).name, unpermuted(*constant(id), to_nchw()));
            }
        }
        emit_on_images(std::move(node));
        return true;
    }

    bool absorb_concat(Node node) {
        for (ValueId id : node.inputs) {
            if (image(id) == kNoValue) return false;
        }
        const Result<std::size_t> axis = normalize_axis(node.int_or("axis", 1), 4);
        if (!axis.ok()) return false;
        for (ValueId& id : node.inputs) id = image(id);
        node.attributes["axis"] = to_nchw()[*axis];
        emit_on_images(std::move(node));
        return true;
    }

    bool absorb_global(Node node, const char* op) {
        node.op = op;
        node.opset = kOpset;
        node.attributes = {{"axes", Ints{1, 2}}, {"keepdims", std::int64_t{1}}};
        node.inputs = {image(node.inputs[0])};
        emit_on_images(std::move(node));
        return true;
    }

    // A reduction over height and width.
    bool absorb_reduce(Node node) {
        Ints axes = node.ints_or("axes", {});
        for (std::int64_t& axis : axes) axis = axis < 0 ? axis + 4 : axis;
        std::sort(axes.begin(), axes.end());
        if (axes != Ints{2, 3} || node.inputs.size() != 1) return false;
        node.attributes["axes"] = Ints{1, 2};
        node.inputs[0] = image(node.inputs[0]);
        if (node.int_or("keepdims", 1) != 0) {
            emit_on_images(std::move(node));
        } else {
            nodes_.push_back(std::move(node));
        }
        return true;
    }

    // [N, C, 1, 1] and [N, 1, 1, C] are the same bytes.
    bool absorb_reshape(const Node& node) {
        const auto& from = graph_.value(node.inputs[0]).shape;
        const auto& to = graph_.value(node.outputs[0]).shape;
        if (!from || !to || !to->is_known() || (*from)[2] != 1 || (*from)[3] != 1) return false;
        const Ints extents = to->extents();
        // 0 would be taken from the input, where the axes stand in another order.
        if (std::find(extents.begin(), extents.end(), 0) != extents.end()) return false;
        const ValueId target =
            fresh_constant(node.name + "_shape",
                           Tensor::of<std::int64_t>(
                               DType::kI64, {static_cast<std::int64_t>(extents.size())}, extents));
        nodes_.push_back(
            {node.name, "", "Reshape", kOpset, {image(node.inputs[0]), target}, node.outputs, {}});
        return true;
    }

    bool absorb_pad(Node node) {
        const Tensor* given = constant(node.inputs.size() > 1 ? node.inputs[1] : kNoValue);
        const bool plain = node.opset >= 11 && node.opset < 18 && given &&
                           given->dtype() == DType::kI64 && given->elements() == 8;
        if (!plain) return false;
        Ints pads(8, 0);
        for (std::size_t i = 0; i < 8; ++i) {
            const auto axis = static_cast<std::size_t>(to_nchw()[i % 4]);
            pads[axis + i / 4 * 4] = given->values<std::int64_t>()[i];
        }
        node.inputs[1] = fresh_constant(graph_.value(node.inputs[1]).name,
                                        Tensor::of<std::int64_t>(DType::kI64, {8}, pads));
        node.inputs[0] = image(node.inputs[0]);
        emit_on_images(std::move(node));
        return true;
    }

    Graph& graph_;
    std::vector<bool> pinned_;
    std::vector<std::optional<Turned>> turned_;  // by value
    std::vector<ValueId> alias_;                 // by value; itself where it stands for none
    std::vector<Node> nodes_;
    bool changed_ = false;
};

Result<bool> run(Graph& graph, const PassContext&) {
    return Mover(graph).run();
}

}  // namespace

Pass move_transposes_pass() {
    return {"move-transposes", "changes of layout move together and cancel", run};
}

}  // namespace hf::passes
