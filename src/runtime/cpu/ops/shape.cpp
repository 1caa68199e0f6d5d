// Operators that only give tensors another shape or order.

#include "runtime/cpu/ops/families.h"

namespace hf::runtime::cpu {
namespace {

// The output is the input under another shape, which inference has found.
Drafts draft_alias(const NodeView& view) {
    if (!view.has_input(0) || *view.input(0).dtype != *view.output().dtype ||
        view.shape(0).elements() != view.out_shape().elements()) {
        return unimplemented("the output is not the input in another shape");
    }
    if (view.node.outputs.size() > 1 && view.node.outputs[1] != graph::kNoValue) {
        return unimplemented("it has more than one output");
    }
    Draft draft;
    draft.kernel = "move.copy";
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.alias = true;
    return alone(std::move(draft));
}

// Dropout does nothing unless it trains. Until opset 6 an attribute said whether it does, from 12
// on an input.
Drafts draft_dropout(const NodeView& view) {
    const Tensor* training = view.constant(2);
    if (view.node.opset < 7 || (view.has_input(2) && !training)) {
        return unimplemented("it may train");
    }
    if (training && (training->bytes().empty() || training->bytes()[0] != 0)) {
        return unimplemented("it trains");
    }
    return draft_alias(view);
}

// TFLite quantises a reshape's output like its input; anything else is no mere reshape.
Drafts draft_tflite_alias(const NodeView& view) {
    const auto& in = view.input(0).quantization;
    const auto& out = view.output().quantization;
    if (in && out && (in->scales != out->scales || in->zero_points != out->zero_points)) {
        return unimplemented("input and output have different scales");
    }
    return draft_alias(view);
}

Drafts transpose_draft(const NodeView& view, std::vector<std::int64_t> order) {
    const std::size_t rank = view.shape(0).rank();
    if (order.empty()) {
        for (std::size_t i = rank; i > 0; --i) order.push_back(static_cast<std::int64_t>(i) - 1);
    }
    if (order.size() != rank) return invalid_argument("{} axes for {}", order.size(), rank);
    for (std::int64_t& axis : order) {
        axis = static_cast<std::int64_t>(HF_TRY(normalize_axis(axis, rank)));
    }
    Draft draft;
    draft.kernel = "move.transpose";
    draft.inputs = {view.operand(0)};
    draft.outputs = {view.node.outputs[0]};
    draft.ints = std::move(order);
    return alone(std::move(draft));
}

Drafts draft_transpose(const NodeView& view) {
    return transpose_draft(view, view.node.ints_or("perm", {}));
}

Drafts draft_tflite_transpose(const NodeView& view) {
    return transpose_draft(view, HF_TRY(integers_of(view, 1, "")));
}

Drafts draft_concat(const NodeView& view) {
    if (view.node.domain == "tflite") {
        if (view.node.string_or("fused_activation", "NONE") != "NONE") {
            return unimplemented("an activation is fused");
        }
        for (std::size_t i = 0; i < view.node.inputs.size(); ++i) {
            const auto& in = view.input(i).quantization;
            const auto& out = view.output().quantization;
            if (in && out && (in->scales != out->scales || in->zero_points != out->zero_points)) {
                return unimplemented("input {} and the output have different scales", i);
            }
        }
    }
    const std::size_t axis =
        HF_TRY(normalize_axis(view.node.int_or("axis", 1), view.out_shape().rank()));
    Draft draft;
    draft.kernel = "move.concat";
    for (graph::ValueId id : view.node.inputs) draft.inputs.push_back(DraftInput::of(id));
    draft.outputs = {view.node.outputs[0]};
    draft.ints = {static_cast<std::int64_t>(axis)};
    return alone(std::move(draft));
}

}  // namespace

std::vector<LoweringRow> shape_lowerings() {
    std::vector<LoweringRow> rows;
    for (std::string_view op : {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"}) {
        rows.push_back({"", op, {{"alias", draft_alias}}});
    }
    for (std::string_view op : {"RESHAPE", "SQUEEZE"}) {
        rows.push_back({"tflite", op, {{"alias", draft_tflite_alias}}});
    }
    rows.push_back({"", "Dropout", {{"alias", draft_dropout}}});
    rows.push_back({"", "Transpose", {{"move.transpose", draft_transpose}}});
    rows.push_back({"tflite", "TRANSPOSE", {{"move.transpose", draft_tflite_transpose}}});
    rows.push_back({"", "Concat", {{"move.concat", draft_concat}}});
    rows.push_back({"tflite", "CONCATENATION", {{"move.concat", draft_concat}}});
    return rows;
}

}  // namespace hf::runtime::cpu
