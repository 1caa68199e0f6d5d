#include "graph/onnx/export.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/protobuf.h"
#include "graph/onnx/import.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

using Writer = protozero::pbf_writer;

// Field numbers of onnx.proto, by message.
namespace model {
enum : protozero::pbf_tag_type {
    kIrVersion = 1,
    kProducerName = 2,
    kDocString = 6,
    kGraph = 7,
    kOpsetImport = 8,
    kMetadataProps = 14
};
}
namespace graph_proto {
enum : protozero::pbf_tag_type {
    kNode = 1,
    kName = 2,
    kInitializer = 5,
    kInput = 11,
    kOutput = 12,
    kValueInfo = 13
};
}
namespace node_proto {
enum : protozero::pbf_tag_type {
    kInput = 1,
    kOutput = 2,
    kName = 3,
    kOpType = 4,
    kAttribute = 5,
    kDomain = 7
};
}
namespace attribute_proto {
enum : protozero::pbf_tag_type {
    kName = 1,
    kF = 2,
    kI = 3,
    kS = 4,
    kT = 5,
    kG = 6,
    kFloats = 7,
    kInts = 8,
    kStrings = 9,
    kType = 20
};
}
namespace type_proto {
enum : protozero::pbf_tag_type { kTensor = 1, kSequence = 4, kOptional = 9 };
}
namespace tensor_proto {
enum : protozero::pbf_tag_type {
    kDims = 1,
    kDataType = 2,
    kStringData = 6,
    kName = 8,
    kRawData = 9
};
}

using Opsets = std::map<std::string, std::int64_t>;

// The lowest IR version that may go with an opset of ai.onnx (ONNX, "Versioning"). Never below 4,
// the first in which an initializer need not be an input as well.
std::int64_t ir_version_of(std::int64_t opset) {
    constexpr std::array<std::pair<std::int64_t, std::int64_t>, 7> kFirstOpsets{
        {{21, 10}, {19, 9}, {15, 8}, {12, 7}, {11, 6}, {10, 5}, {0, 4}}};
    for (const auto& [first, version] : kFirstOpsets) {
        if (opset >= first) return version;
    }
    return 4;
}

// The opsets of all domains that a graph and the bodies inside it use.
Status collect_opsets(const Graph& graph, int depth, Opsets& opsets) {
    if (depth > kMaxSubgraphDepth) {
        return resource_exhausted("subgraphs are nested deeper than {}", kMaxSubgraphDepth);
    }
    for (const Node& node : graph.nodes) {
        if (node.domain == "tflite" || node.domain == "hf") {
            return unimplemented("{}: ONNX has no such operator", node.describe());
        }
        if (node.opset < 1) {
            return failed_precondition("{}: the model imports no opset of its domain",
                                       node.describe());
        }
        const auto [known, added] = opsets.emplace(node.domain, node.opset);
        if (!added && known->second != node.opset) {
            return failed_precondition("{} is of opset {} and others of its domain are of {}",
                                       node.describe(), node.opset, known->second);
        }
        for (const auto& [name, attribute] : node.attributes) {
            if (const SubgraphPtr* body = std::get_if<SubgraphPtr>(&attribute)) {
                HF_TRY(collect_opsets(**body, depth + 1, opsets));
            }
        }
    }
    return {};
}

void add_view(Writer& out, protozero::pbf_tag_type tag, ByteView bytes) {
    out.add_bytes(tag, reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void write_tensor(Writer out, std::string_view name, const Tensor& tensor) {
    for (std::int64_t extent : tensor.shape()) out.add_int64(tensor_proto::kDims, extent);
    out.add_int32(tensor_proto::kDataType,
                  static_cast<std::int32_t>(element_type_of(tensor.dtype())));
    const bool text = tensor.dtype() == DType::kString;
    if (text) {
        for (const std::string& value : tensor.strings()) {
            out.add_bytes(tensor_proto::kStringData, value);
        }
    }
    if (!name.empty()) out.add_string(tensor_proto::kName, name.data(), name.size());
    if (!text) add_view(out, tensor_proto::kRawData, tensor.bytes());
}

// TypeProto.Tensor, and its shape when the rank is known.
void write_tensor_type(Writer out, const Value& value) {
    out.add_int32(1, static_cast<std::int32_t>(element_type_of(*value.dtype)));
    if (!value.shape) return;
    // A nested writer leaves out a message without fields; here those mean "scalar" and "unknown".
    if (value.shape->rank() == 0) out.add_message(2, std::string());
    Writer shape(out, 2);
    for (std::int64_t extent : *value.shape) {
        if (extent == Shape::kUnknown) {
            shape.add_message(1, std::string());
        } else {
            Writer(shape, 1).add_int64(1, extent);
        }
    }
}

// Whether a ValueInfoProto can say what the value is. The representation keeps maps without the
// types of their keys.
bool has_type(const Value& value) {
    return value.dtype && value.kind != ValueKind::kMap;
}

// The sequence or optional of tensors, `tag` of TypeProto.
void write_container_type(Writer& type, protozero::pbf_tag_type tag, const Value& value) {
    Writer container(type, tag);
    Writer element(container, 1);
    write_tensor_type(Writer(element, 1), value);
}

void write_value_info(Writer out, const Value& value) {
    out.add_string(1, value.name);
    if (!has_type(value)) return;
    Writer type(out, 2);
    if (value.kind == ValueKind::kTensor) {
        write_tensor_type(Writer(type, type_proto::kTensor), value);
        return;
    }
    if (value.kind == ValueKind::kOptionalSequence) {
        Writer optional(type, type_proto::kOptional);
        Writer sequence(optional, 1);
        write_container_type(sequence, type_proto::kSequence, value);
        return;
    }
    const bool sequence = value.kind == ValueKind::kSequence;
    write_container_type(type, sequence ? type_proto::kSequence : type_proto::kOptional, value);
}

void write_graph(Writer out, const Graph& graph);

void write_attribute(Writer out, const std::string& name, const Attribute& attribute) {
    namespace field = attribute_proto;
    enum Type { kFloat = 1, kInt, kString, kTensor, kGraph, kFloats, kInts, kStrings };
    out.add_string(field::kName, name);
    struct Visitor {
        Writer& out;
        Type operator()(float value) const {
            out.add_float(field::kF, value);
            return kFloat;
        }
        Type operator()(std::int64_t value) const {
            out.add_int64(field::kI, value);
            return kInt;
        }
        Type operator()(const std::string& value) const {
            out.add_bytes(field::kS, value);
            return kString;
        }
        Type operator()(const Tensor& value) const {
            write_tensor(Writer(out, field::kT), "", value);
            return kTensor;
        }
        Type operator()(const SubgraphPtr& value) const {
            write_graph(Writer(out, field::kG), *value);
            return kGraph;
        }
        Type operator()(const std::vector<float>& values) const {
            for (float value : values) out.add_float(field::kFloats, value);
            return kFloats;
        }
        Type operator()(const std::vector<std::int64_t>& values) const {
            for (std::int64_t value : values) out.add_int64(field::kInts, value);
            return kInts;
        }
        Type operator()(const std::vector<std::string>& values) const {
            for (const std::string& value : values) out.add_bytes(field::kStrings, value);
            return kStrings;
        }
    };
    out.add_int32(field::kType, std::visit(Visitor{out}, attribute));
}

const std::string& name_of(const Graph& graph, ValueId id) {
    static const std::string omitted;
    return id == kNoValue ? omitted : graph.value(id).name;
}

void write_node(Writer out, const Graph& graph, const Node& node) {
    for (ValueId id : node.inputs) out.add_string(node_proto::kInput, name_of(graph, id));
    for (ValueId id : node.outputs) out.add_string(node_proto::kOutput, name_of(graph, id));
    out.add_string(node_proto::kName, node.name);
    out.add_string(node_proto::kOpType, node.op);
    for (const auto& [name, attribute] : node.attributes) {
        write_attribute(Writer(out, node_proto::kAttribute), name, attribute);
    }
    if (!node.domain.empty()) out.add_string(node_proto::kDomain, node.domain);
}

// The values computed inside that have a type to tell: neither input, output, constant nor capture.
std::vector<ValueId> inner_values(const Graph& graph) {
    std::vector<ValueId> inner;
    for (const Node& node : graph.nodes) {
        for (ValueId id : node.outputs) {
            if (id == kNoValue || !has_type(graph.value(id))) continue;
            const auto& outputs = graph.outputs;
            if (std::find(outputs.begin(), outputs.end(), id) == outputs.end()) {
                inner.push_back(id);
            }
        }
    }
    return inner;
}

void write_graph(Writer out, const Graph& graph) {
    for (const Node& node : graph.nodes) {
        write_node(Writer(out, graph_proto::kNode), graph, node);
    }
    out.add_string(graph_proto::kName, graph.name);
    for (const Value& value : graph.values) {
        if (!value.constant) continue;
        write_tensor(Writer(out, graph_proto::kInitializer), value.name, *value.constant);
    }
    for (ValueId id : graph.inputs) {
        write_value_info(Writer(out, graph_proto::kInput), graph.value(id));
    }
    for (ValueId id : graph.outputs) {
        write_value_info(Writer(out, graph_proto::kOutput), graph.value(id));
    }
    for (ValueId id : inner_values(graph)) {
        write_value_info(Writer(out, graph_proto::kValueInfo), graph.value(id));
    }
}

// What a reader must know of each input and output before it can load the model.
Status check_ports(const Graph& graph) {
    for (const std::vector<ValueId>* ports : {&graph.inputs, &graph.outputs}) {
        for (ValueId id : *ports) {
            const Value& value = graph.value(id);
            if (has_type(value)) continue;
            const char* side = ports == &graph.inputs ? "input" : "output";
            if (value.kind == ValueKind::kTensor) {
                return failed_precondition("{} '{}' has no element type: infer types first", side,
                                           value.name);
            }
            return unimplemented("{} '{}' is no tensor and its element type is unknown", side,
                                 value.name);
        }
    }
    return {};
}

// Counts tensor bytes, which is where models are big, before memory is taken for a copy of them.
std::uint64_t tensor_bytes(const Graph& graph) {
    std::uint64_t bytes = 0;
    for (const Value& value : graph.values) {
        if (value.constant) bytes += value.constant->bytes().size();
    }
    return bytes;
}

Status too_large(std::uint64_t bytes) {
    return resource_exhausted("the model takes {} bytes and an ONNX file may have {}", bytes,
                              kMaxModelBytes);
}

}  // namespace

Result<Bytes> export_model(const Graph& graph, const ExportOptions& options) {
    HF_TRY(check_ports(graph));
    for (const Value& value : graph.values) {
        if (!value.quantization) continue;
        return unimplemented("value '{}' is quantised in a way that ONNX has no words for",
                             value.name);
    }
    if (tensor_bytes(graph) > kMaxModelBytes) return too_large(tensor_bytes(graph));
    Opsets opsets;
    HF_TRY(collect_opsets(graph, 0, opsets));
    opsets.insert(options.opsets.begin(), options.opsets.end());
    opsets.try_emplace("", ExportOptions::kDefaultOpset);

    std::string bytes;
    Writer out(bytes);
    out.add_int64(model::kIrVersion, ir_version_of(opsets.at("")));
    if (const auto producer = graph.metadata.find("producer"); producer != graph.metadata.end()) {
        out.add_string(model::kProducerName, producer->second);
    }
    if (!options.documentation.empty()) out.add_string(model::kDocString, options.documentation);
    write_graph(Writer(out, model::kGraph), graph);
    for (const auto& [domain, version] : opsets) {
        Writer import(out, model::kOpsetImport);
        import.add_string(1, domain);
        import.add_int64(2, version);
    }
    for (const auto& [key, text] : graph.metadata) {
        if (key == "producer") continue;
        Writer entry(out, model::kMetadataProps);
        entry.add_string(1, key);
        entry.add_string(2, text);
    }
    if (bytes.size() > kMaxModelBytes) return too_large(bytes.size());
    return to_bytes(bytes);
}

}  // namespace hf::graph::onnx
