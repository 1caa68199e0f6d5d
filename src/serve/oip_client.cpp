#include "serve/oip_client.h"

#include "base/json.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve {
namespace {

Result<Shape> parse_shape(const json::Value& value) {
    const json::Array* array = json::find_array(value, "shape");
    if (!array || array->size() > Shape::kMaxRank) return invalid_argument("shape: want an array");
    std::vector<std::int64_t> extents;
    for (const json::Value& extent : *array) {
        if (!extent.is_int64()) return invalid_argument("shape: want integers");
        extents.push_back(extent.get_int64());
    }
    return Shape(std::move(extents));
}

Result<std::vector<runtime::Port>> parse_ports(const json::Value& root, std::string_view key) {
    const json::Array* list = json::find_array(root, key);
    if (!list) return invalid_argument("{}: want an array", key);
    std::vector<runtime::Port> ports;
    for (const json::Value& entry : *list) {
        runtime::Port port;
        port.name = HF_TRY(json::need_string(entry, "name").context("{}", key));
        port.dtype = HF_TRY(parse_oip_dtype(json::get_string(entry, "datatype")));
        port.shape = HF_TRY(parse_shape(entry).context("{}", port.name));
        ports.push_back(std::move(port));
    }
    return ports;
}

// Takes the output's bytes from the front of `binary`.
Result<Tensor> parse_tensor(const json::Value& output, ByteView& binary) {
    const DType dtype = HF_TRY(parse_oip_dtype(json::get_string(output, "datatype")));
    const Shape shape = HF_TRY(parse_shape(output));
    HF_TRY(shape.check());
    if (const json::Value* data = json::find(output, "data")) {
        return tensor_from_json(*data, dtype, shape);
    }
    const json::Value* size = json::find_path(output, {"parameters", "binary_data_size"});
    const std::int64_t count = size && size->is_int64() ? size->get_int64() : -1;
    if (count < 0 || static_cast<std::uint64_t>(count) > binary.size()) {
        return invalid_argument("it has neither data nor that many binary bytes");
    }
    const ByteView bytes = binary.first(static_cast<std::size_t>(count));
    binary = binary.subspan(bytes.size());
    return tensor_from_binary(bytes, dtype, shape);
}

}  // namespace

Result<runtime::Signature> parse_model_metadata(std::string_view body) {
    const json::Value root = HF_TRY(json::parse(body));
    runtime::Signature signature;
    signature.inputs = HF_TRY(parse_ports(root, "inputs"));
    signature.outputs = HF_TRY(parse_ports(root, "outputs"));
    return signature;
}

InferenceCall write_inference(const runtime::Signature& signature,
                              const std::vector<Tensor>& inputs) {
    HF_CHECK(inputs.size() == signature.inputs.size());
    json::Array list;
    Bytes binary;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Bytes bytes = tensor_to_binary(inputs[i]);
        json::Array shape;
        for (const std::int64_t extent : inputs[i].shape()) shape.emplace_back(extent);
        list.push_back(
            json::Object{{"name", signature.inputs[i].name},
                         {"datatype", std::string(oip_name(inputs[i].dtype()))},
                         {"shape", std::move(shape)},
                         {"parameters", json::Object{{"binary_data_size", bytes.size()}}}});
        binary.insert(binary.end(), bytes.begin(), bytes.end());
    }
    InferenceCall call;
    call.body = to_bytes(json::write(json::Object{
        {"inputs", std::move(list)}, {"parameters", json::Object{{"binary_data_output", true}}}}));
    call.json_bytes = call.body.size();
    call.body.insert(call.body.end(), binary.begin(), binary.end());
    return call;
}

Result<InferenceAnswer> parse_inference_answer(ByteView body,
                                               std::optional<std::size_t> json_bytes) {
    if (json_bytes.value_or(0) > body.size()) {
        return invalid_argument("the answer claims {} bytes of JSON and has {}", *json_bytes,
                                body.size());
    }
    const ByteView head = body.first(json_bytes.value_or(body.size()));
    ByteView binary = body.subspan(head.size());
    const json::Value root = HF_TRY(json::parse(as_text(head), head.size()));
    InferenceAnswer answer;
    answer.model_name = json::get_string(root, "model_name");
    answer.model_version = json::get_string(root, "model_version");
    const json::Array* outputs = json::find_array(root, "outputs");
    if (!outputs) return invalid_argument("the answer has no outputs");
    for (const json::Value& output : *outputs) {
        NamedOutput named;
        named.name = HF_TRY(json::need_string(output, "name"));
        named.tensor = HF_TRY(parse_tensor(output, binary).context("output '{}'", named.name));
        answer.outputs.push_back(std::move(named));
    }
    return answer;
}

}  // namespace hf::serve
