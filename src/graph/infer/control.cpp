// If, Loop, Scan and SequenceMap: bodies are inferred with what is known of the values that they
// take and capture.

#include "graph/infer/rows.h"

namespace hf::graph::infer {
namespace {

// A copy of a body whose captures have the types that they have here, inferred.
Result<Graph> inferred_body(Context& context, const Graph& body) {
    Graph copy = body;
    for (ValueId id : copy.captures) {
        Value& captured = copy.value(id);
        const auto outer = context.graph().find_value(captured.name);
        if (!outer) continue;
        const Value& source = context.graph().value(*outer);
        captured.kind = source.kind;
        if (source.dtype) captured.dtype = source.dtype;
        if (source.shape) captured.shape = source.shape;
    }
    HF_TRY(infer_shapes(copy));
    return copy;
}

// What holds for both.
std::optional<Shape> common(const std::optional<Shape>& a, const std::optional<Shape>& b) {
    if (!a || !b || a->rank() != b->rank()) return std::nullopt;
    Shape shape = *a;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (shape[i] != (*b)[i]) shape[i] = kUnknown;
    }
    return shape;
}

Status if_else(Context& context) {
    const Graph* then_body = context.node.subgraph("then_branch");
    const Graph* else_body = context.node.subgraph("else_branch");
    if (!then_body || !else_body) return invalid_argument("a branch is missing");
    Graph yes = HF_TRY(inferred_body(context, *then_body).context("'then_branch'"));
    Graph no = HF_TRY(inferred_body(context, *else_body).context("'else_branch'"));
    if (yes.outputs.size() != no.outputs.size() || yes.outputs.size() < context.output_count()) {
        return invalid_argument("the branches give {} and {} outputs", yes.outputs.size(),
                                no.outputs.size());
    }
    for (std::size_t i = 0; i < context.output_count(); ++i) {
        const Value& a = yes.value(yes.outputs[i]);
        const Value& b = no.value(no.outputs[i]);
        const std::optional<DType> dtype = a.dtype == b.dtype ? a.dtype : std::nullopt;
        if (a.kind != b.kind || is_untyped(a) || is_untyped(b)) continue;
        if (a.kind == ValueKind::kTensor) {
            HF_TRY(context.set(i, dtype, common(a.shape, b.shape)));
        } else {
            HF_TRY(context.set_kind(i, a.kind, dtype));
        }
    }
    context.node.attributes["then_branch"] = std::make_shared<const Graph>(std::move(yes));
    context.node.attributes["else_branch"] = std::make_shared<const Graph>(std::move(no));
    return {};
}

// An input of a body is what it is given, where it does not say so itself.
void give(Value& inner, const Value* outer) {
    if (!outer || outer->kind == ValueKind::kMap) return;
    if (is_untyped(inner)) inner.kind = outer->kind;
    if (!inner.dtype) inner.dtype = outer->dtype;
}

// Shapes of carried values may change from trip to trip; types may not.
Status loop(Context& context) {
    const Graph* given = context.node.subgraph("body");
    if (!given) return invalid_argument("the body is missing");
    Graph body = *given;
    for (std::size_t i = 2; i < context.node.inputs.size() && i < body.inputs.size(); ++i) {
        give(body.value(body.inputs[i]), context.input(i));
    }
    body = HF_TRY(inferred_body(context, body).context("'body'"));
    for (std::size_t i = 0; i < context.output_count() && i + 1 < body.outputs.size(); ++i) {
        const Value& result = body.value(body.outputs[i + 1]);
        if (!is_untyped(result)) HF_TRY(context.set_kind(i, result.kind, result.dtype));
    }
    context.node.attributes["body"] = std::make_shared<const Graph>(std::move(body));
    return {};
}

// States keep their type; what is stacked has that of the body's output.
Status scan(Context& context) {
    const Graph* given = context.node.subgraph("body");
    if (!given) return invalid_argument("the body is missing");
    Graph body = *given;
    const std::size_t first = context.node.opset < 9 ? 1 : 0;
    for (std::size_t i = 0; i < body.inputs.size(); ++i) {
        Value& inner = body.value(body.inputs[i]);
        if (!inner.dtype) inner.dtype = context.dtype(first + i);
    }
    body = HF_TRY(inferred_body(context, body).context("'body'"));
    for (std::size_t i = 0; i < context.output_count() && i < body.outputs.size(); ++i) {
        const Value& result = body.value(body.outputs[i]);
        HF_TRY(context.set(i, result.dtype, std::nullopt));
    }
    context.node.attributes["body"] = std::make_shared<const Graph>(std::move(body));
    return {};
}

// The body works on one element of each sequence; its outputs become sequences.
Status sequence_map(Context& context) {
    const Graph* given = context.node.subgraph("body");
    if (!given) return invalid_argument("the body is missing");
    Graph body = *given;
    for (std::size_t i = 0; i < body.inputs.size(); ++i) {
        Value& inner = body.value(body.inputs[i]);
        if (!inner.dtype) inner.dtype = context.element_dtype(i);
    }
    body = HF_TRY(inferred_body(context, body).context("'body'"));
    for (std::size_t i = 0; i < context.output_count() && i < body.outputs.size(); ++i) {
        HF_TRY(context.set_kind(i, ValueKind::kSequence, body.value(body.outputs[i]).dtype));
    }
    context.node.attributes["body"] = std::make_shared<const Graph>(std::move(body));
    return {};
}

}  // namespace

std::vector<Row> control_rows() {
    return {{"", "If", if_else, true},
            {"", "Loop", loop, true},
            {"", "Scan", scan},
            {"", "SequenceMap", sequence_map, true}};
}

}  // namespace hf::graph::infer
