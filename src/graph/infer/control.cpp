// If and Loop: bodies are inferred with what is known of the values they capture.

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
        if (a.kind != ValueKind::kTensor || b.kind != ValueKind::kTensor) continue;
        const bool same = a.dtype == b.dtype;
        HF_TRY(context.set(i, same ? a.dtype : std::nullopt, common(a.shape, b.shape)));
    }
    context.node.attributes["then_branch"] = std::make_shared<const Graph>(std::move(yes));
    context.node.attributes["else_branch"] = std::make_shared<const Graph>(std::move(no));
    return {};
}

// Shapes of carried values may change from trip to trip; types may not.
Status loop(Context& context) {
    const Graph* given = context.node.subgraph("body");
    if (!given) return invalid_argument("the body is missing");
    Graph body = *given;
    for (std::size_t i = 2; i < context.node.inputs.size() && i < body.inputs.size(); ++i) {
        Value& carried = body.value(body.inputs[i]);
        if (carried.kind == ValueKind::kTensor && !carried.dtype) carried.dtype = context.dtype(i);
    }
    body = HF_TRY(inferred_body(context, body).context("'body'"));
    for (std::size_t i = 0; i < context.output_count() && i + 1 < body.outputs.size(); ++i) {
        const Value& result = body.value(body.outputs[i + 1]);
        if (result.kind == ValueKind::kTensor) HF_TRY(context.set(i, result.dtype, std::nullopt));
    }
    context.node.attributes["body"] = std::make_shared<const Graph>(std::move(body));
    return {};
}

}  // namespace

std::vector<Row> control_rows() {
    return {{"", "If", if_else}, {"", "Loop", loop}};
}

}  // namespace hf::graph::infer
