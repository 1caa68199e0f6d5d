#include "graph/infer.h"

#include <algorithm>
#include <map>

#include "graph/infer/rows.h"

namespace hf::graph {
namespace {

using infer::Context;
using infer::Row;

const Row* find_rule(std::string_view domain, std::string_view op) {
    using Key = std::pair<std::string_view, std::string_view>;
    static const std::map<Key, Row> table = [] {
        std::map<Key, Row> rules;
        for (auto family :
             {infer::attention_rows, infer::control_rows, infer::elementwise_rows, infer::hf_rows,
              infer::image_rows, infer::index_rows, infer::linear_rows, infer::loss_rows,
              infer::ml_rows, infer::move_rows, infer::quantize_rows, infer::reduce_rows,
              infer::sequence_rows, infer::shape_rows, infer::signal_rows, infer::text_rows,
              infer::tflite_rows, infer::window_rows}) {
            for (const Row& row : family()) rules.emplace(Key(row.domain, row.op), row);
        }
        return rules;
    }();
    const auto found = table.find(Key(domain, op));
    return found == table.end() ? nullptr : &found->second;
}

template <typename T>
Content elements_of(const Tensor& tensor) {
    Content content;
    for (T value : tensor.values<T>()) {
        const auto wide = static_cast<double>(value);
        content.push_back(std::abs(wide) > 0x1p53 ? infer::kUnknownElement : wide);
    }
    return content;
}

std::optional<Content> content_of(const Value& value) {
    if (!value.constant || !infer::is_followed(value.dtype, value.shape)) return std::nullopt;
    switch (*value.dtype) {
        case DType::kI64: return elements_of<std::int64_t>(*value.constant);
        case DType::kI32: return elements_of<std::int32_t>(*value.constant);
        case DType::kBool: return elements_of<std::uint8_t>(*value.constant);
        default: return elements_of<float>(*value.constant);
    }
}

Status set_input_shape(Graph& graph, const std::string& name, const Shape& shape) {
    const auto named = [&](ValueId id) { return graph.value(id).name == name; };
    const auto found = std::find_if(graph.inputs.begin(), graph.inputs.end(), named);
    if (found == graph.inputs.end()) {
        return invalid_argument("a shape is given for '{}', which is no input", name);
    }
    HF_TRY(shape.check().context("input '{}'", name));
    Value& value = graph.value(*found);
    bool fits = !value.shape || value.shape->rank() == shape.rank();
    for (std::size_t i = 0; fits && value.shape && i < shape.rank(); ++i) {
        fits = (*value.shape)[i] == Shape::kUnknown || (*value.shape)[i] == shape[i];
    }
    if (!fits) {
        return invalid_argument("input '{}' is {}; shape {} does not fit", name,
                                value.shape->to_string(), shape.to_string());
    }
    value.shape = shape;
    return {};
}

Status check_tensors(const Graph& graph, const Node& node) {
    for (ValueId id : node.inputs) {
        if (id == kNoValue) continue;
        const Value& value = graph.value(id);
        if (value.kind == ValueKind::kTensor || value.kind == ValueKind::kMap) continue;
        return invalid_argument("input '{}' is {}; it takes tensors", value.name,
                                kind_name(value.kind));
    }
    return {};
}

}  // namespace

Status infer_shapes(Graph& graph, const InferOptions& options, Contents* contents) {
    for (const auto& [name, shape] : options.input_shapes) {
        HF_TRY(set_input_shape(graph, name, shape));
    }
    Contents own;
    Contents& known = contents ? *contents : own;
    known.by_value.assign(graph.values.size(), std::nullopt);
    for (std::size_t i = 0; i < graph.values.size(); ++i) {
        known.by_value[i] = content_of(graph.values[i]);
    }
    for (Node& node : graph.nodes) {
        const Row* row = find_rule(node.domain, node.op);
        if (!row) continue;
        if (!row->takes_all_kinds) {
            HF_TRY(check_tensors(graph, node).context("{}", node.describe()));
        }
        Context context(graph, node, known);
        HF_TRY(row->rule(context).context("{}", node.describe()));
    }
    return {};
}

bool can_infer(const Node& node) {
    return find_rule(node.domain, node.op) != nullptr;
}

}  // namespace hf::graph
