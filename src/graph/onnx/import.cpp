#include "graph/onnx/import.h"

#include <unordered_map>

#include "graph/onnx/wire.h"

#include "graph/onnx/gradient.h"
#include "graph/onnx/order.h"
#include "graph/onnx/tensor_proto.h"
#include "graph/onnx/zip_map.h"

namespace hf::graph::onnx {
namespace {

using Reader = protozero::pbf_reader;

ByteView to_view(protozero::data_view view) {
    return {reinterpret_cast<const std::uint8_t*>(view.data()), view.size()};
}

struct ModelContext {
    std::map<std::string, std::int64_t> opsets;
    const ExternalData& external_data;
};

std::string canonical_domain(std::string domain) {
    return domain == "ai.onnx" ? std::string() : domain;
}

struct TypeInfo {
    ValueKind kind = ValueKind::kTensor;
    std::optional<DType> dtype;
    std::optional<Shape> shape;
};

Shape read_shape(Reader message) {
    std::vector<std::int64_t> extents;
    while (message.next(1)) {
        Reader dimension = message.get_message();
        std::int64_t extent = Shape::kUnknown;
        while (dimension.next()) {
            if (dimension.tag() == 1) {
                extent = std::max<std::int64_t>(dimension.get_int64(), Shape::kUnknown);
            } else {
                dimension.skip();
            }
        }
        extents.push_back(extent);
    }
    return Shape(std::move(extents));
}

Result<TypeInfo> read_type(Reader message) {
    TypeInfo info;
    while (message.next()) {
        if (message.tag() == 1) {
            Reader tensor = message.get_message();
            while (tensor.next()) {
                if (tensor.tag() == 1) {
                    const std::int64_t element_type = tensor.get_int32();
                    if (element_type != 0) info.dtype = HF_TRY(dtype_of(element_type));
                } else if (tensor.tag() == 2) {
                    info.shape = read_shape(tensor.get_message());
                } else {
                    tensor.skip();
                }
            }
            continue;
        }
        if (message.tag() == 4) info.kind = ValueKind::kSequence;
        if (message.tag() == 5) info.kind = ValueKind::kMap;
        if (message.tag() == 9) info.kind = ValueKind::kOptional;
        message.skip();
    }
    return info;
}

// Imports one GraphProto; bodies of If, Loop and Scan by recursion.
class GraphImporter {
public:
    GraphImporter(const ModelContext& context, int depth) : context_(context), depth_(depth) {}

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
        for (ByteView node : nodes) parsed.push_back(HF_TRY(parse_node(node)));
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
                found.first = message.get_string();
            } else if (message.tag() == 2) {
                found.second = HF_TRY(read_type(message.get_message()));
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
        value.kind = type.kind;
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

    Result<ParsedNode> parse_node(ByteView bytes) {
        ParsedNode parsed;
        Node& node = parsed.node;
        std::vector<ByteView> attributes;
        Reader message = reader(bytes);
        while (message.next()) {
            switch (message.tag()) {
                case 1: parsed.inputs.push_back(message.get_string()); break;
                case 2: parsed.outputs.push_back(message.get_string()); break;
                case 3: node.name = message.get_string(); break;
                case 4: node.op = message.get_string(); break;
                case 5: attributes.push_back(to_view(message.get_view())); break;
                case 7: node.domain = canonical_domain(message.get_string()); break;
                default: message.skip();
            }
        }
        if (node.name.empty()) node.name = fmt::format("{}_{}", node.op, node_count_);
        ++node_count_;
        if (node.op.empty()) return invalid_argument("node '{}' has no operator", node.name);
        const auto opset = context_.opsets.find(node.domain);
        if (opset != context_.opsets.end()) node.opset = opset->second;
        for (ByteView attribute : attributes) {
            HF_TRY(add_attribute(node, attribute).context("{}", node.describe()));
        }
        return parsed;
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

    Status add_attribute(Node& node, ByteView bytes);
    Result<Attribute> graph_attribute(ByteView bytes) {
        GraphImporter body(context_, depth_ + 1);
        return Attribute(std::make_shared<const Graph>(HF_TRY(body.import(bytes))));
    }

    const ModelContext& context_;
    const int depth_;
    int node_count_ = 0;
    Graph graph_;
    std::unordered_map<std::string, ValueId> ids_;
};

// What an AttributeProto held, by field; which one counts is told by `type` or, in old files, by
// presence.
struct AttributeFields {
    std::string name;
    std::int64_t type = 0;
    std::optional<float> f;
    std::optional<std::int64_t> i;
    std::optional<std::string> s;
    std::optional<ByteView> tensor, graph;
    std::vector<float> floats;
    std::vector<std::int64_t> ints;
    std::vector<std::string> strings;
    bool has_others = false;
};

AttributeFields read_attribute(Reader message) {
    AttributeFields fields;
    const auto packed = [&] {
        return message.wire_type() == protozero::pbf_wire_type::length_delimited;
    };
    while (message.next()) {
        switch (message.tag()) {
            case 1: fields.name = message.get_string(); break;
            case 2: fields.f = message.get_float(); break;
            case 3: fields.i = message.get_int64(); break;
            case 4: fields.s = message.get_string(); break;
            case 5: fields.tensor = to_view(message.get_view()); break;
            case 6: fields.graph = to_view(message.get_view()); break;
            case 7:
                if (packed()) {
                    for (float value : message.get_packed_float()) fields.floats.push_back(value);
                } else {
                    fields.floats.push_back(message.get_float());
                }
                break;
            case 8:
                if (packed()) {
                    for (auto value : message.get_packed_int64()) fields.ints.push_back(value);
                } else {
                    fields.ints.push_back(message.get_int64());
                }
                break;
            case 9: fields.strings.push_back(message.get_string()); break;
            case 20: fields.type = message.get_int32(); break;
            case 10:
            case 11:
            case 21:
            case 22:
                fields.has_others = true;
                message.skip();
                break;
            default: message.skip();
        }
    }
    return fields;
}

std::int64_t effective_type(const AttributeFields& fields) {
    if (fields.type != 0) return fields.type;
    if (fields.f) return 1;
    if (fields.i) return 2;
    if (fields.s) return 3;
    if (fields.tensor) return 4;
    if (fields.graph) return 5;
    if (!fields.floats.empty()) return 6;
    if (!fields.ints.empty()) return 7;
    return 8;
}

Status GraphImporter::add_attribute(Node& node, ByteView bytes) {
    AttributeFields fields = read_attribute(reader(bytes));
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
            attribute = HF_TRY(graph_attribute(*fields.graph).context("'{}'", fields.name));
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

struct ModelFields {
    std::map<std::string, std::int64_t> opsets;
    std::map<std::string, std::string> metadata;
    std::optional<ByteView> graph;
    bool has_functions = false;
};

std::pair<std::string, std::string> read_entry(Reader entry) {
    std::pair<std::string, std::string> found;
    while (entry.next()) {
        if (entry.tag() == 1) {
            found.first = entry.get_string();
        } else if (entry.tag() == 2) {
            found.second = entry.get_string();
        } else {
            entry.skip();
        }
    }
    return found;
}

void read_opset(Reader message, ModelFields& fields) {
    std::string domain;
    std::int64_t version = 0;
    while (message.next()) {
        if (message.tag() == 1) {
            domain = message.get_string();
        } else if (message.tag() == 2) {
            version = message.get_int64();
        } else {
            message.skip();
        }
    }
    std::int64_t& known = fields.opsets[canonical_domain(domain)];
    known = std::max(known, version);
}

ModelFields read_model(ByteView bytes) {
    ModelFields fields;
    Reader message(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    while (message.next()) {
        switch (message.tag()) {
            case 2: fields.metadata["producer"] = message.get_string(); break;
            case 7: fields.graph = to_view(message.get_view()); break;
            case 8: read_opset(message.get_message(), fields); break;
            case 14: fields.metadata.insert(read_entry(message.get_message())); break;
            case 25:
                fields.has_functions = true;
                message.skip();
                break;
            default: message.skip();
        }
    }
    // Files of IR version 1 have no import; their operators are those of opset 1.
    fields.opsets.try_emplace("", 1);
    return fields;
}

}  // namespace

Result<Graph> import_model(ByteView bytes, const ExternalData& external_data) {
    try {
        ModelFields fields = read_model(bytes);
        if (!fields.graph) return invalid_argument("not an ONNX model: it has no graph");
        if (fields.has_functions) return unimplemented("ONNX functions local to the model");
        if (fields.opsets[""] > kMaxOpset) {
            return unimplemented("opset {} is newer than {}; export the model for opset {}",
                                 fields.opsets[""], kMaxOpset, kMaxOpset);
        }
        const ModelContext context{std::move(fields.opsets), external_data};
        Graph graph = HF_TRY(GraphImporter(context, 0).import(*fields.graph));
        graph.metadata = std::move(fields.metadata);
        unzip_maps(graph);
        unfold_gradients(graph);
        return graph;
    } catch (const std::exception& error) {
        return invalid_argument("malformed or truncated ONNX file: {}", error.what());
    }
}

bool looks_like_model(ByteView bytes) {
    try {
        return read_model(bytes).graph.has_value();
    } catch (const std::exception&) {
        return false;
    }
}

}  // namespace hf::graph::onnx
