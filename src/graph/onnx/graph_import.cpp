#include "graph/onnx/graph_import.h"

#include <unordered_map>

#include "base/protobuf.h"
#include "graph/onnx/attribute_proto.h"
#include "graph/onnx/import.h"
#include "graph/onnx/order.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/onnx/type_proto.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

// Imports one GraphProto; bodies in its nodes by recursion.
class GraphImporter {
public:
    GraphImporter(ModelContext& context, int depth, const Call* call)
        : context_(context), depth_(depth), call_(call) {}

    Result<Graph> import(ByteView bytes) {
        if (depth_ > kMaxSubgraphDepth) {
            return resource_exhausted("subgraphs are nested deeper than {}", kMaxSubgraphDepth);
        }
        std::vector<ByteView> nodes, inputs, outputs, infos;
        Reader message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        while (message.next()) {
            switch (message.tag()) {
                case 1: nodes.push_back(to_view(message.get_view())); break;
                case 2: graph_.name = message.get_string(); break;
                case 5: HF_TRY(add_initializer(to_view(message.get_view()))); break;
                case 11: inputs.push_back(to_view(message.get_view())); break;
                case 12: outputs.push_back(to_view(message.get_view())); break;
                case 13: infos.push_back(to_view(message.get_view())); break;
                case 15: return unimplemented("graph '{}': sparse initializers", graph_.name);
                default: message.skip();
            }
        }
        for (ByteView input : inputs) HF_TRY(add_input(input));
        std::vector<ParsedNode> parsed;
        for (ByteView node : nodes) {
            HF_TRY(expand(HF_TRY(parse_node(node, call_)), call_, parsed));
        }
        for (std::size_t index : HF_TRY(execution_order(parsed))) {
            HF_TRY(connect(std::move(parsed[index])));
        }
        for (ByteView output : outputs) HF_TRY(add_output(output));
        for (ByteView info : infos) HF_TRY(add_info(info));
        return std::move(graph_);
    }

private:
    static Reader reader(ByteView bytes) {
        return Reader(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }

    Result<ValueId> define(Value value, std::string_view by) {
        const ValueId id(static_cast<std::uint32_t>(graph_.values.size()));
        if (!ids_.emplace(value.name, id).second) {
            return invalid_argument("value '{}' is defined twice, the second time by {}",
                                    value.name, by);
        }
        graph_.values.push_back(std::move(value));
        return id;
    }

    Status add_initializer(ByteView bytes) {
        NamedTensor named = HF_TRY(parse_tensor_proto(bytes, context_.external_data));
        named.name = outer_name(named.name, call_);
        if (named.name.empty()) return invalid_argument("an initializer has no name");
        return define_constant(std::move(named), "an initializer");
    }

    Status define_constant(NamedTensor named, std::string_view by) {
        // Some exporters write one constant as initializer and as node.
        if (const auto known = ids_.find(named.name); known != ids_.end()) {
            const std::optional<Tensor>& other = graph_.value(known->second).constant;
            const Tensor& tensor = named.tensor;
            if (other && other->dtype() == tensor.dtype() && other->shape() == tensor.shape() &&
                as_text(other->bytes()) == as_text(tensor.bytes()) &&
                tensor.dtype() != DType::kString) {
                return {};
            }
        }
        Value value;
        value.name = std::move(named.name);
        value.dtype = named.tensor.dtype();
        value.shape = named.tensor.shape();
        value.constant = std::move(named.tensor);
        return define(std::move(value), by).status();
    }

    // The name and declared type of a ValueInfoProto.
    Result<std::pair<std::string, TypeInfo>> read_value_info(ByteView bytes) {
        std::pair<std::string, TypeInfo> found;
        Reader message = reader(bytes);
        while (message.next()) {
            if (message.tag() == 1) {
                found.first = outer_name(message.get_string(), call_);
            } else if (message.tag() == 2) {
                found.second = HF_TRY(read_type(to_view(message.get_view()))
                                          .context("the type of '{}'", found.first));
            } else {
                message.skip();
            }
        }
        return found;
    }

    Status add_input(ByteView bytes) {
        auto [name, type] = HF_TRY(read_value_info(bytes));
        if (name.empty()) return invalid_argument("a graph input has no name");
        if (const auto known = ids_.find(name); known != ids_.end()) {
            if (graph_.value(known->second).constant) return {};  // an initializer, listed again
        }
        Value value{type.kind, name, type.dtype, type.shape, {}, {}};
        graph_.inputs.push_back(HF_TRY(define(std::move(value), "a graph input")));
        return {};
    }

    Status add_output(ByteView bytes) {
        auto [name, type] = HF_TRY(read_value_info(bytes));
        const ValueId id = HF_TRY(lookup(name).context("graph output '{}'", name));
        merge(graph_.value(id), type);
        graph_.outputs.push_back(id);
        return {};
    }

    Status add_info(ByteView bytes) {
        auto [name, type] = HF_TRY(read_value_info(bytes));
        const auto known = ids_.find(name);
        if (known != ids_.end()) merge(graph_.value(known->second), type);
        return {};
    }

    static void merge(Value& value, const TypeInfo& type) {
        if (value.constant) return;
        if (type.kind != ValueKind::kTensor) value.kind = type.kind;
        if (!value.dtype) value.dtype = type.dtype;
        if (!value.shape) value.shape = type.shape;
    }

    // In a subgraph an unknown name is a value of an enclosing graph.
    Result<ValueId> lookup(const std::string& name) {
        if (const auto found = ids_.find(name); found != ids_.end()) return found->second;
        if (depth_ == 0) {
            return invalid_argument("value '{}' is used before it is defined, or never defined",
                                    name);
        }
        Value captured;
        captured.name = name;
        const ValueId id = HF_TRY(define(std::move(captured), "a capture"));
        graph_.captures.push_back(id);
        return id;
    }

    // What a name of the function that is being inlined is outside it.
    static std::string outer_name(const std::string& name, const Call* call) {
        return call ? call->outer_name(name) : name;
    }

    // Of these domains are nodes that our passes and the TFLite importer make, whose operands
    // nobody else has checked.
    static Status check_domain(const Node& node) {
        if (node.domain != "hf" && node.domain != "tflite") return {};
        return invalid_argument(
            "{}: no ONNX file may use the domain '{}', which Holdfast keeps for itself; export the "
            "model with operators of ai.onnx, or define the function in the model",
            node.describe(), node.domain);
    }

    // The node itself or, where it calls a function of the model, the function's nodes.
    Status expand(ParsedNode parsed, const Call* caller, std::vector<ParsedNode>& nodes) {
        const Function* function = context_.functions.find(parsed.node, parsed.overload);
        if (!function) {
            HF_TRY(check_domain(parsed.node));
            nodes.push_back(std::move(parsed));
            return {};
        }
        const std::string where = function->describe();
        const std::size_t number = HF_TRY(context_.functions.charge(*function));
        Call call = HF_TRY(Call::create(*function, parsed, caller, number).context("{}", where));
        Node defaults;
        for (ByteView attribute : function->defaults) {
            HF_TRY(add_attribute(defaults, attribute, nullptr).context("{}", where));
        }
        call.attributes.merge(defaults.attributes);
        for (ByteView bytes : function->nodes) {
            ParsedNode inner = HF_TRY(parse_node(bytes, &call).context("{}", where));
            HF_TRY(expand(std::move(inner), &call, nodes).context("{}", where));
        }
        for (const auto& [from, to] : call.copies()) nodes.push_back(copy_node(from, to));
        return {};
    }

    ParsedNode copy_node(const std::string& from, const std::string& to) const {
        ParsedNode copy;
        copy.node.op = "Identity";
        copy.node.name = to;
        copy.node.opset = context_.opsets.at("");
        copy.inputs = {from};
        copy.outputs = {to};
        return copy;
    }

    Result<ParsedNode> parse_node(ByteView bytes, const Call* call) {
        ParsedNode parsed;
        Node& node = parsed.node;
        std::vector<ByteView> attributes;
        Reader message = reader(bytes);
        while (message.next()) {
            switch (message.tag()) {
                case 1: parsed.inputs.push_back(outer_name(message.get_string(), call)); break;
                case 2: parsed.outputs.push_back(outer_name(message.get_string(), call)); break;
                case 3: node.name = message.get_string(); break;
                case 4: node.op = message.get_string(); break;
                case 5: attributes.push_back(to_view(message.get_view())); break;
                case 7: node.domain = canonical_domain(message.get_string()); break;
                case 8: parsed.overload = message.get_string(); break;
                default: message.skip();
            }
        }
        if (node.name.empty()) node.name = fmt::format("{}_{}", node.op, node_count_);
        ++node_count_;
        if (node.op.empty()) return invalid_argument("node '{}' has no operator", node.name);
        if (call) node.name = call->node_name(node.name);
        node.opset = opset_of(node.domain, call);
        for (ByteView attribute : attributes) {
            HF_TRY(add_attribute(node, attribute, call).context("{}", node.describe()));
        }
        return parsed;
    }

    // The function's own import counts before the model's.
    std::int64_t opset_of(const std::string& domain, const Call* call) const {
        if (call) {
            const Opsets& own = call->function().opsets;
            if (const auto found = own.find(domain); found != own.end()) return found->second;
        }
        const auto found = context_.opsets.find(domain);
        return found == context_.opsets.end() ? 0 : found->second;
    }

    Status connect(ParsedNode parsed) {
        Node& node = parsed.node;
        if (node.domain.empty() && node.op == "Constant" && parsed.outputs.size() == 1) {
            return add_constant_node(node, parsed.outputs[0]);
        }
        for (const std::string& name : parsed.inputs) {
            node.inputs.push_back(
                name.empty() ? kNoValue : HF_TRY(lookup(name).context("{}", node.describe())));
        }
        for (const std::string& name : parsed.outputs) {
            Value value;
            value.name = name;
            node.outputs.push_back(
                name.empty() ? kNoValue : HF_TRY(define(std::move(value), node.describe())));
        }
        graph_.nodes.push_back(std::move(node));
        return {};
    }

    Status add_constant_node(const Node& node, const std::string& output) {
        Tensor tensor;
        if (const Tensor* value = node.tensor("value")) {
            tensor = *value;
        } else if (node.has("value_float")) {
            const float value = node.float_or("value_float", 0);
            tensor = Tensor::of<float>(DType::kF32, {}, std::span(&value, 1));
        } else if (node.has("value_int")) {
            const std::int64_t value = node.int_or("value_int", 0);
            tensor = Tensor::of<std::int64_t>(DType::kI64, {}, std::span(&value, 1));
        } else if (node.has("value_string")) {
            tensor = Tensor::of_strings({}, {node.string_or("value_string", "")});
        } else if (node.has("value_floats")) {
            const std::vector<float> values = node.floats_or("value_floats", {});
            tensor =
                Tensor::of<float>(DType::kF32, {static_cast<std::int64_t>(values.size())}, values);
        } else if (node.has("value_ints")) {
            const std::vector<std::int64_t> values = node.ints_or("value_ints", {});
            tensor = Tensor::of<std::int64_t>(DType::kI64,
                                              {static_cast<std::int64_t>(values.size())}, values);
        } else if (node.has("value_strings")) {
            std::vector<std::string> values = node.strings_or("value_strings", {});
            const auto count = static_cast<std::int64_t>(values.size());
            tensor = Tensor::of_strings({count}, std::move(values));
        } else {
            return invalid_argument("{} has no value", node.describe());
        }
        return define_constant({output, std::move(tensor)}, node.describe());
    }

    // `call` is the function that the node stands in, or null.
    Status add_attribute(Node& node, ByteView bytes, const Call* call);
    Result<Attribute> graph_attribute(ByteView bytes, const Call* call) {
        GraphImporter body(context_, depth_ + 1, call);
        return Attribute(std::make_shared<const Graph>(HF_TRY(body.import(bytes))));
    }

    ModelContext& context_;
    const int depth_;
    const Call* const call_;  // the function that this graph is a body in, or null
    int node_count_ = 0;
    Graph graph_;
    std::unordered_map<std::string, ValueId> ids_;
};

Status GraphImporter::add_attribute(Node& node, ByteView bytes, const Call* call) {
    AttributeFields fields = read_attribute(bytes);
    if (!fields.reference.empty()) {
        if (!call) {
            return invalid_argument("attribute '{}' refers to one of a function, and is in none",
                                    fields.name);
        }
        // One that neither the caller nor a default gives is absent here too.
        const auto given = call->attributes.find(fields.reference);
        if (given == call->attributes.end()) return {};
        node.attributes[fields.name] = given->second;
        return context_.functions.charge(given->second);
    }
    Attribute attribute;
    switch (effective_type(fields)) {
        case 1: attribute = fields.f.value_or(0); break;
        case 2: attribute = fields.i.value_or(0); break;
        case 3: attribute = fields.s.value_or(""); break;
        case 4: {
            if (!fields.tensor) return invalid_argument("attribute '{}' is empty", fields.name);
            attribute = HF_TRY(parse_tensor_proto(*fields.tensor, context_.external_data)
                                   .context("attribute '{}'", fields.name))
                            .tensor;
            break;
        }
        case 5: {
            if (!fields.graph) return invalid_argument("attribute '{}' is empty", fields.name);
            attribute = HF_TRY(graph_attribute(*fields.graph, call).context("'{}'", fields.name));
            break;
        }
        case 6: attribute = std::move(fields.floats); break;
        case 7: attribute = std::move(fields.ints); break;
        case 8: attribute = std::move(fields.strings); break;
        default:
            // Types, sparse tensors and lists of graphs: no operator that Holdfast runs reads them.
            return {};
    }
    node.attributes[fields.name] = std::move(attribute);
    return {};
}

}  // namespace

Result<Graph> import_graph(ModelContext& context, ByteView bytes) {
    return GraphImporter(context, 0, nullptr).import(bytes);
}

}  // namespace hf::graph::onnx
