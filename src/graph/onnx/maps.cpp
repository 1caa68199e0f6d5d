#include "graph/onnx/maps.h"

#include <optional>

#include "base/text.h"
#include "graph/onnx/tensor_proto.h"

namespace hf::graph::onnx {
namespace {

// Strings, or integers as text.
std::vector<std::string> keys_of(const Node& node, std::string_view strings,
                                 std::string_view integers) {
    std::vector<std::string> keys = node.strings_or(strings, {});
    for (std::int64_t key : node.ints_or(integers, {})) keys.push_back(fmt::format("{}", key));
    return keys;
}

void make_tensor(Value& value, DType dtype, std::int64_t columns) {
    value.kind = ValueKind::kTensor;
    value.dtype = dtype;
    value.shape = Shape{Shape::kUnknown, columns};
}

// By an operator of the standard, of its first version.
void replace(Node& node, std::string_view op) {
    node.domain = "";
    node.op = op;
    node.opset = 1;
    node.attributes.clear();
}

void take_zip_map(Graph& graph, Node& node) {
    const std::vector<std::string> labels =
        keys_of(node, "classlabels_strings", "classlabels_int64s");
    Value& scores = graph.value(node.outputs[0]);
    make_tensor(scores, DType::kF32, static_cast<std::int64_t>(labels.size()));
    graph.metadata["classes." + scores.name] = join(labels, ",");
    replace(node, "Identity");
}

void take_dict_vectorizer(Graph& graph, Node& node, Value& map) {
    const std::vector<std::string> keys = keys_of(node, "string_vocabulary", "int64_vocabulary");
    make_tensor(map, *map.dtype, static_cast<std::int64_t>(keys.size()));
    graph.metadata["keys." + map.name] = join(keys, ",");
    replace(node, "Identity");
}

std::optional<DType> cast_type(std::string_view name) {
    if (name == "TO_FLOAT") return DType::kF32;
    if (name == "TO_INT64") return DType::kI64;
    if (name == "TO_STRING") return DType::kString;
    return std::nullopt;
}

// A sparse map has as many columns as it may have keys: 0 stands where one is missing.
void take_cast_map(Node& node, Value& map) {
    const std::optional<DType> to = cast_type(node.string_or("cast_to", "TO_FLOAT"));
    const bool from = map.dtype == DType::kF32 || map.dtype == DType::kString;
    if (!to || !from) return;
    const bool sparse = node.string_or("map_form", "DENSE") == "SPARSE";
    const std::int64_t most = node.int_or("max_map", 1);
    make_tensor(map, *map.dtype, sparse && most > 0 ? most : Shape::kUnknown);
    replace(node, "Cast");
    node.opset = 9;  // the first over strings
    node.attributes["to"] = element_type_of(*to);
}

}  // namespace

void take_maps_apart(Graph& graph) {
    for (Node& node : graph.nodes) {
        if (node.domain != "ai.onnx.ml" || node.outputs.size() != 1 ||
            node.outputs[0] == kNoValue || node.inputs.size() != 1 || node.inputs[0] == kNoValue) {
            continue;
        }
        if (node.op == "ZipMap") take_zip_map(graph, node);
        Value& map = graph.value(node.inputs[0]);
        if (map.kind != ValueKind::kMap || !map.dtype) continue;
        if (node.op == "DictVectorizer") take_dict_vectorizer(graph, node, map);
        if (node.op == "CastMap") take_cast_map(node, map);
    }
}

}  // namespace hf::graph::onnx
