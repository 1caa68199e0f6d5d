// How an answer is written: as text from the beginning, for this runs for every prediction.

#include "base/json.h"
#include "base/text.h"
#include "serve/infer_request.h"
#include "serve/tensors.h"
#include "tensor/json_text.h"

namespace hf::serve {
namespace {

Status check_json_form(const Tensor& tensor, std::string_view name) {
    if (tensor.dtype() != DType::kString) return {};
    for (const std::string& text : tensor.strings()) {
        if (is_utf8(text)) continue;
        return invalid_argument(
            "output '{}' holds bytes that are not UTF-8 text; ask for it with the parameter "
            "binary_data",
            name);
    }
    return {};
}

// What most elements take as text.
constexpr std::size_t kBytesPerElement = 12;
constexpr std::size_t kBytesBeside = 256;

void write_member(std::string_view key, std::string_view value, std::string& text) {
    text.append("\"").append(key).append("\":");
    write_json_string(value, text);
}

// Up to the data: {"name":"y","datatype":"FP32","shape":[1,3]
void write_head(std::string_view name, const Tensor& tensor, std::string& text) {
    text += '{';
    write_member("name", name, text);
    text.append(",\"datatype\":\"").append(oip_name(tensor.dtype())).append("\",\"shape\":[");
    bool first = true;
    for (const std::int64_t extent : tensor.shape()) {
        if (!first) text += ',';
        first = false;
        text.append(std::to_string(extent));
    }
    text += ']';
}

}  // namespace

Result<InferBody> write_infer_response(const InferRequest& request, const Answer& answer,
                                       const runtime::Signature& signature) {
    std::string text;
    std::size_t expected = kBytesBeside;
    for (const InferRequest::Wanted& wanted : request.outputs) {
        if (wanted.binary || !wanted.region.empty()) continue;
        const Tensor& tensor = answer.outputs[wanted.output];
        expected += static_cast<std::size_t>(tensor.elements()) * kBytesPerElement;
    }
    text.reserve(expected);
    text += '{';
    write_member("model_name", answer.model_name, text);
    text += ',';
    write_member("model_version", answer.model_version, text);
    if (!request.id.empty()) {
        text += ',';
        write_member("id", request.id, text);
    }
    if (!answer.parameters.empty()) {
        text.append(",\"parameters\":").append(json::write(answer.parameters));
    }
    text += ",\"outputs\":[";
    Bytes binary;
    bool first = true;
    bool any_binary = false;
    for (const InferRequest::Wanted& wanted : request.outputs) {
        const Tensor& tensor = answer.outputs[wanted.output];
        const std::string& name = signature.outputs[wanted.output].name;
        if (!first) text += ',';
        first = false;
        write_head(name, tensor, text);
        if (!wanted.region.empty()) {
            text.append(",\"parameters\":")
                .append(json::write(json::Object{{kRegionName, wanted.region.region},
                                                 {kRegionOffset, wanted.region.offset},
                                                 {kRegionByteSize, binary_size(tensor)}}));
            text += '}';
        } else if (wanted.binary) {
            const Bytes bytes = tensor_to_binary(tensor);
            text.append(",\"parameters\":{\"binary_data_size\":");
            text.append(std::to_string(bytes.size())).append("}}");
            binary.insert(binary.end(), bytes.begin(), bytes.end());
            any_binary = true;
        } else {
            HF_TRY(check_json_form(tensor, name));
            text.append(",\"data\":");
            HF_TRY(write_tensor_text(tensor, text));
            text += '}';
        }
    }
    text += "]}";
    InferBody body;
    body.bytes = to_bytes(text);
    if (any_binary) body.json_bytes = body.bytes.size();
    body.bytes.insert(body.bytes.end(), binary.begin(), binary.end());
    return body;
}

}  // namespace hf::serve
