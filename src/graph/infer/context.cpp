#include "graph/infer/context.h"

#include <algorithm>

namespace hf::graph::infer {

const Value* Context::input(std::size_t index) const {
    if (index >= node.inputs.size() || node.inputs[index] == kNoValue) return nullptr;
    return &graph_.value(node.inputs[index]);
}

std::optional<DType> Context::dtype(std::size_t index) const {
    const Value* value = input(index);
    return value && value->kind == ValueKind::kTensor ? value->dtype : std::nullopt;
}

std::optional<DType> Context::element_dtype(std::size_t index) const {
    const Value* value = input(index);
    return value ? value->dtype : std::nullopt;
}

const Shape* Context::shape(std::size_t index) const {
    const Value* value = input(index);
    const bool known = value && value->kind == ValueKind::kTensor && value->shape;
    return known ? &*value->shape : nullptr;
}

const Tensor* Context::constant(std::size_t index) const {
    const Value* value = input(index);
    return value && value->constant ? &*value->constant : nullptr;
}

const Content* Context::content(std::size_t index) const {
    if (!input(index)) return nullptr;
    const std::optional<Content>& known = contents_.by_value[node.inputs[index].value()];
    return known ? &*known : nullptr;
}

std::optional<std::vector<std::int64_t>> Context::ints(std::size_t index) const {
    std::vector<std::int64_t> values;
    if (!input(index)) return values;
    const Content* known = content(index);
    if (!known) return std::nullopt;
    for (double element : *known) {
        if (!is_known(element) || std::abs(element) > 0x1p53) return std::nullopt;
        values.push_back(static_cast<std::int64_t>(element));
    }
    return values;
}

std::optional<std::vector<std::int64_t>> Context::ints(std::string_view attribute,
                                                       std::size_t index) const {
    return node.has(attribute) ? node.ints_or(attribute, {}) : ints(index);
}

namespace {

// An optional that holds something is that thing when the graph runs, so that either may stand for
// the other in a declaration.
bool holds(ValueKind declared, ValueKind kind) {
    return (declared == ValueKind::kOptional && kind == ValueKind::kTensor) ||
           (declared == ValueKind::kOptionalSequence && kind == ValueKind::kSequence);
}

}  // namespace

Status Context::set_dtype(Value& value, ValueKind kind, std::optional<DType> dtype) {
    if (value.kind != kind && !holds(value.kind, kind)) {
        if (!is_untyped(value)) {
            return invalid_argument("output '{}' is declared {}, but is {}", value.name,
                                    kind_name(value.kind), kind_name(kind));
        }
        value.kind = kind;
    }
    if (dtype && value.dtype && dtype != value.dtype) {
        return invalid_argument("output '{}' is declared {}, but is {}", value.name,
                                dtype_name(*value.dtype), dtype_name(*dtype));
    }
    if (dtype) value.dtype = dtype;
    return {};
}

Status Context::set_kind(std::size_t index, ValueKind kind, std::optional<DType> dtype) {
    if (index >= node.outputs.size() || node.outputs[index] == kNoValue) return {};
    return set_dtype(graph_.value(node.outputs[index]), kind, dtype);
}

Status Context::set(std::size_t index, std::optional<DType> dtype, std::optional<Shape> shape) {
    if (index >= node.outputs.size() || node.outputs[index] == kNoValue) return {};
    Value& value = graph_.value(node.outputs[index]);
    if (value.kind == ValueKind::kMap) return {};
    HF_TRY(set_dtype(value, ValueKind::kTensor, dtype));
    if (value.kind != ValueKind::kTensor) return {};
    if (!shape) return {};
    if (shape->rank() > Shape::kMaxRank) {
        return invalid_argument("output '{}' would have {} axes", value.name, shape->rank());
    }
    if (shape->is_known()) HF_TRY(shape->check());
    if (value.shape) {
        bool fits = value.shape->rank() == shape->rank();
        for (std::size_t i = 0; fits && i < shape->rank(); ++i) {
            const std::int64_t declared = (*value.shape)[i];
            std::int64_t& extent = (*shape)[i];
            fits = declared == kUnknown || extent == kUnknown || declared == extent;
            if (extent == kUnknown) extent = declared;
        }
        if (!fits) {
            return invalid_argument("output '{}' is declared {}, but is {}", value.name,
                                    value.shape->to_string(), shape->to_string());
        }
    }
    value.shape = std::move(shape);
    return {};
}

void Context::set_content(std::size_t index, Content content) {
    if (index >= node.outputs.size() || node.outputs[index] == kNoValue) return;
    const Value& value = graph_.value(node.outputs[index]);
    if (value.kind != ValueKind::kTensor) return;
    if (!is_followed(value.dtype, value.shape)) return;
    if (value.shape->elements() != static_cast<std::int64_t>(content.size())) return;
    // What may have wrapped around is not known.
    const double limit = value.dtype == DType::kI32 ? 0x1p31 - 1 : 0x1p53;
    for (double& element : content) {
        if (std::abs(element) > limit) element = kUnknownElement;
    }
    contents_.by_value[node.outputs[index].value()] = std::move(content);
}

Status same_as_input(Context& context) {
    const Shape* shape = context.shape(0);
    HF_TRY(context.set(0, context.dtype(0), shape ? std::optional<Shape>(*shape) : std::nullopt));
    if (const Content* content = context.content(0)) context.set_content(0, *content);
    return {};
}

bool is_followed(const std::optional<DType>& dtype, const std::optional<Shape>& shape) {
    if (!dtype || !shape || !shape->is_known() || shape->rank() > 1) return false;
    const bool kind = *dtype == DType::kI64 || *dtype == DType::kI32 || *dtype == DType::kBool ||
                      *dtype == DType::kF32;
    return kind && shape->elements() <= static_cast<std::int64_t>(kMaxContentElements);
}

std::int64_t product(std::span<const std::int64_t> extents) {
    std::int64_t result = 1;
    for (std::int64_t extent : extents) {
        if (extent == 0) return 0;
    }
    for (std::int64_t extent : extents) {
        if (extent < 0 || result > Shape::kMaxElements / extent) return kUnknown;
        result *= extent;
    }
    return result;
}

Result<std::size_t> axis_of(const Context& context, std::int64_t fallback, std::size_t rank) {
    return normalize_axis(context.node.int_or("axis", fallback), rank);
}

}  // namespace hf::graph::infer
