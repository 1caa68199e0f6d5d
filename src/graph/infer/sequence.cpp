// Sequences and optionals: which kind of value comes out, and of which tensors. Shapes of elements
// are not followed: each may have its own.

#include "graph/infer/rows.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::infer {
namespace {

using enum ValueKind;

Status want_sequence(const Context& context, std::size_t index) {
    const Value* value = context.input(index);
    if (!value) return invalid_argument("input {} is missing", index);
    if (value->kind == kSequence || value->kind == kOptionalSequence || is_untyped(*value)) {
        return {};
    }
    return invalid_argument("input '{}' is {}; want a sequence", value->name,
                            kind_name(value->kind));
}

Status want_tensor(const Context& context, std::size_t index) {
    const Value* value = context.input(index);
    if (!value || value->kind == kTensor || value->kind == kOptional) return {};
    return invalid_argument("input '{}' is {}; want a tensor", value->name, kind_name(value->kind));
}

// The one type of all inputs from `first` on, as far as it is known.
Result<std::optional<DType>> common_dtype(const Context& context, std::size_t count) {
    std::optional<DType> common;
    for (std::size_t i = 0; i < count; ++i) {
        const std::optional<DType> dtype = context.element_dtype(i);
        if (!dtype) continue;
        if (common && common != dtype) {
            return invalid_argument("a sequence of both {} and {}", dtype_name(*common),
                                    dtype_name(*dtype));
        }
        common = dtype;
    }
    return common;
}

Status construct(Context& context) {
    const std::size_t count = context.node.inputs.size();
    for (std::size_t i = 0; i < count; ++i) HF_TRY(want_tensor(context, i));
    return context.set_kind(0, kSequence, HF_TRY(common_dtype(context, count)));
}

Status empty(Context& context) {
    const std::int64_t type = context.node.int_or("dtype", 1);
    return context.set_kind(0, kSequence, HF_TRY(onnx::dtype_of(type)));
}

Status insert(Context& context) {
    HF_TRY(want_sequence(context, 0));
    HF_TRY(want_tensor(context, 1));
    return context.set_kind(0, kSequence, HF_TRY(common_dtype(context, 2)));
}

Status erase(Context& context) {
    HF_TRY(want_sequence(context, 0));
    return context.set_kind(0, kSequence, context.element_dtype(0));
}

Status at(Context& context) {
    HF_TRY(want_sequence(context, 0));
    return context.set(0, context.element_dtype(0), std::nullopt);
}

Status length(Context& context) {
    HF_TRY(want_sequence(context, 0));
    return context.set(0, DType::kI64, Shape());
}

Status split(Context& context) {
    HF_TRY(want_tensor(context, 0));
    return context.set_kind(0, kSequence, context.dtype(0));
}

Status identity(Context& context) {
    const Value* value = context.input(0);
    if (!value || value->kind == kTensor) return same_as_input(context);
    return context.set_kind(0, value->kind, value->dtype);
}

// One of nothing may be of either kind: what the file declares stands.
Status optional(Context& context) {
    const Value* value = context.input(0);
    if (!value) {
        if (context.node.outputs.empty() || context.node.outputs[0] == kNoValue) return {};
        const ValueKind declared = context.graph().value(context.node.outputs[0]).kind;
        return context.set_kind(0, declared == kOptionalSequence ? declared : kOptional, {});
    }
    if (is_untyped(*value)) return {};
    const bool sequence = value->kind == kSequence || value->kind == kOptionalSequence;
    return context.set_kind(0, sequence ? kOptionalSequence : kOptional, value->dtype);
}

Status get_element(Context& context) {
    const Value* value = context.input(0);
    if (!value || is_untyped(*value)) return {};
    const bool sequence = value->kind == kSequence || value->kind == kOptionalSequence;
    return context.set_kind(0, sequence ? kSequence : kTensor, value->dtype);
}

Status has_element(Context& context) {
    return context.set(0, DType::kBool, Shape());
}

}  // namespace

std::vector<Row> sequence_rows() {
    return {{"", "SequenceConstruct", construct, true},
            {"", "SequenceEmpty", empty, true},
            {"", "SequenceInsert", insert, true},
            {"", "SequenceErase", erase, true},
            {"", "SequenceAt", at, true},
            {"", "SequenceLength", length, true},
            {"", "SplitToSequence", split, true},
            {"", "ConcatFromSequence", at, true},
            {"", "Identity", identity, true},
            {"", "Optional", optional, true},
            {"", "OptionalGetElement", get_element, true},
            {"", "OptionalHasElement", has_element, true}};
}

}  // namespace hf::graph::infer
