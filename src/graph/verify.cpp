#include "graph/verify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

namespace hf::graph {
namespace {

// Positions in Attribute, by ONNX's names for the types.
enum AttributeType : std::size_t { kInt, kFloat, kText, kInts, kFloats, kTexts, kTensor, kGraph };
constexpr std::array<std::string_view, 8> kTypeNames{
    "an integer", "a float", "a string", "integers", "floats", "strings", "a tensor", "a graph"};

struct AttributeRow {
    std::string_view name;
    AttributeType type;
};

// Attributes whose name has one type in all of ai.onnx, whatever the operator and opset.
constexpr std::array kAttributes{
    AttributeRow{"allowzero", kInt},     AttributeRow{"alpha", kFloat},
    AttributeRow{"auto_pad", kText},     AttributeRow{"axis", kInt},
    AttributeRow{"batch_axis", kInt},    AttributeRow{"batch_dims", kInt},
    AttributeRow{"beta", kFloat},        AttributeRow{"bias", kFloat},
    AttributeRow{"blocksize", kInt},     AttributeRow{"body", kGraph},
    AttributeRow{"ceil_mode", kInt},     AttributeRow{"count_include_pad", kInt},
    AttributeRow{"dilations", kInts},    AttributeRow{"direction", kText},
    AttributeRow{"else_branch", kGraph}, AttributeRow{"ends", kInts},
    AttributeRow{"epsilon", kFloat},     AttributeRow{"equation", kText},
    AttributeRow{"exclusive", kInt},     AttributeRow{"group", kInt},
    AttributeRow{"hidden_size", kInt},   AttributeRow{"keepdims", kInt},
    AttributeRow{"kernel_shape", kInts}, AttributeRow{"largest", kInt},
    AttributeRow{"layout", kInt},        AttributeRow{"mode", kText},
    AttributeRow{"momentum", kFloat},    AttributeRow{"output_padding", kInts},
    AttributeRow{"output_shape", kInts}, AttributeRow{"pads", kInts},
    AttributeRow{"perm", kInts},         AttributeRow{"repeats", kInts},
    AttributeRow{"size", kInt},          AttributeRow{"sorted", kInt},
    AttributeRow{"starts", kInts},       AttributeRow{"storage_order", kInt},
    AttributeRow{"strides", kInts},      AttributeRow{"then_branch", kGraph},
    AttributeRow{"transA", kInt},        AttributeRow{"transB", kInt},
};

Status check_shape(const Value& value) {
    if (!value.shape) return {};
    if (value.shape->rank() > Shape::kMaxRank) {
        return invalid_argument("value '{}' has {} axes, more than {}", value.name,
                                value.shape->rank(), Shape::kMaxRank);
    }
    for (std::int64_t extent : *value.shape) {
        if (extent < Shape::kUnknown) {
            return invalid_argument("value '{}' has extent {}", value.name, extent);
        }
    }
    return {};
}

Status check_constant(const Value& value) {
    if (!value.constant) return {};
    if (value.constant->is_null()) return invalid_argument("constant '{}' is empty", value.name);
    if (value.kind != ValueKind::kTensor || value.dtype != value.constant->dtype() ||
        value.shape != value.constant->shape()) {
        return invalid_argument("constant '{}' is {}[{}], not what its value declares", value.name,
                                dtype_name(value.constant->dtype()),
                                value.constant->shape().to_string());
    }
    return value.constant->shape().check().context("constant '{}'", value.name);
}

Status check_quantization(const Value& value) {
    if (!value.quantization) return {};
    if (value.kind != ValueKind::kTensor) {
        return invalid_argument("value '{}' is {} and quantised", value.name,
                                kind_name(value.kind));
    }
    const Quantization& q = *value.quantization;
    if (q.scales.empty() || q.scales.size() != q.zero_points.size()) {
        return invalid_argument("value '{}' has {} scales and {} zero points", value.name,
                                q.scales.size(), q.zero_points.size());
    }
    const auto finite = [](float scale) { return std::isfinite(scale); };
    if (!std::all_of(q.scales.begin(), q.scales.end(), finite)) {
        return invalid_argument("value '{}' has a scale that is not finite", value.name);
    }
    if (q.scales.size() == 1 || !value.shape) return {};
    if (q.axis >= value.shape->rank()) {
        return invalid_argument("value '{}' is quantised along axis {} of {}", value.name, q.axis,
                                value.shape->to_string());
    }
    const std::int64_t extent = (*value.shape)[q.axis];
    if (extent != Shape::kUnknown && extent != static_cast<std::int64_t>(q.scales.size())) {
        return invalid_argument("value '{}' has {} scales for an axis of {}", value.name,
                                q.scales.size(), extent);
    }
    return {};
}

// The check of one graph; of the graphs in its nodes by recursion, with a way out to this one.
class Verifier final {
public:
    Verifier(const Graph& graph, const Verifier* outer, int depth)
        : graph_(graph), outer_(outer), depth_(depth) {}

    Status run() {
        if (depth_ > kMaxBodyDepth) {
            return resource_exhausted("bodies nest deeper than {}", kMaxBodyDepth);
        }
        defined_.assign(graph_.values.size(), false);
        HF_TRY(check_values());
        for (ValueId id : graph_.inputs) HF_TRY(define(id).context("a graph input"));
        for (ValueId id : graph_.captures) HF_TRY(check_capture(id));
        for (const Node& node : graph_.nodes) {
            HF_TRY(check_node(node).context("{}", node.describe()));
        }
        for (ValueId id : graph_.outputs) HF_TRY(need_defined(id).context("a graph output"));
        for (std::size_t i = 0; i < graph_.values.size(); ++i) {
            if (!defined_[i]) {
                return invalid_argument("value '{}' is never defined", graph_.values[i].name);
            }
        }
        return {};
    }

private:
    Status check_values() {
        for (std::size_t i = 0; i < graph_.values.size(); ++i) {
            const Value& value = graph_.values[i];
            if (value.name.empty()) return invalid_argument("value {} has no name", i);
            if (!by_name_.emplace(value.name, i).second) {
                return invalid_argument("two values are named '{}'", value.name);
            }
            HF_TRY(check_shape(value));
            HF_TRY(check_constant(value));
            HF_TRY(check_quantization(value));
            defined_[i] = value.constant.has_value();
        }
        return {};
    }

    Status check_range(ValueId id) const {
        if (id.value() < graph_.values.size()) return {};
        return invalid_argument("refers to value {} of {}", id.value(), graph_.values.size());
    }

    Status define(ValueId id) {
        HF_TRY(check_range(id));
        if (defined_[id.value()]) {
            return invalid_argument("value '{}' is defined twice", graph_.value(id).name);
        }
        defined_[id.value()] = true;
        return {};
    }

    Status need_defined(ValueId id) const {
        HF_TRY(check_range(id));
        if (defined_[id.value()]) return {};
        return invalid_argument("value '{}' is used before it is defined", graph_.value(id).name);
    }

    Status check_capture(ValueId id) {
        HF_TRY(define(id).context("a capture"));
        const std::string& name = graph_.value(id).name;
        for (const Verifier* scope = outer_; scope; scope = scope->outer_) {
            const auto found = scope->by_name_.find(name);
            if (found == scope->by_name_.end()) continue;
            if (scope->defined_[found->second]) return {};
            return invalid_argument("captured value '{}' is used before it is defined", name);
        }
        return invalid_argument("captured value '{}' is in no enclosing graph", name);
    }

    Status check_node(const Node& node) {
        if (node.op.empty() || node.name.empty()) {
            return invalid_argument("a node needs a name and an operator");
        }
        for (ValueId id : node.inputs) {
            if (id != kNoValue) HF_TRY(need_defined(id));
        }
        for (const auto& [name, attribute] : node.attributes) {
            HF_TRY(check_attribute(node, name, attribute).context("attribute '{}'", name));
        }
        for (ValueId id : node.outputs) {
            if (id != kNoValue) HF_TRY(define(id));
        }
        return {};
    }

    Status check_attribute(const Node& node, std::string_view name, const Attribute& attribute) {
        if (node.domain.empty()) {
            for (const AttributeRow& row : kAttributes) {
                if (row.name == name && row.type != attribute.index()) {
                    return invalid_argument("want {}, got {}", kTypeNames[row.type],
                                            kTypeNames[attribute.index()]);
                }
            }
        }
        if (const Tensor* tensor = std::get_if<Tensor>(&attribute)) {
            return tensor->is_null() ? invalid_argument("the tensor is empty") : Status();
        }
        const SubgraphPtr* body = std::get_if<SubgraphPtr>(&attribute);
        if (!body) return {};
        if (!*body) return invalid_argument("the body is missing");
        return Verifier(**body, this, depth_ + 1).run();
    }

    const Graph& graph_;
    const Verifier* outer_;
    const int depth_;
    std::vector<bool> defined_;
    std::unordered_map<std::string_view, std::size_t> by_name_;
};

}  // namespace

Status verify(const Graph& graph) {
    return Verifier(graph, nullptr, 0).run();
}

}  // namespace hf::graph
