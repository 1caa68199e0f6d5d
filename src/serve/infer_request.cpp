#include "serve/infer_request.h"

#include "base/json.h"
#include "serve/tensors.h"
#include "tensor/json.h"

namespace hf::serve {
namespace {

std::string names_of(const std::vector<runtime::Port>& ports) {
    std::string names;
    for (const runtime::Port& port : ports) names += (names.empty() ? "" : ", ") + port.name;
    return names;
}

Result<std::size_t> find_port(const std::vector<runtime::Port>& ports, std::string_view name) {
    for (std::size_t i = 0; i < ports.size(); ++i) {
        if (ports[i].name == name) return i;
    }
    return invalid_argument("'{}' is not known; the model has: {}", name, names_of(ports));
}

Result<Shape> parse_shape(const json::Value& input) {
    const json::Array* array = json::find_array(input, "shape");
    if (!array) return invalid_argument("field 'shape' must be given, as an array of integers");
    std::vector<std::int64_t> extents;
    for (const json::Value& extent : *array) {
        if (!extent.is_int64()) return invalid_argument("field 'shape' must hold integers");
        extents.push_back(extent.get_int64());
    }
    const Shape shape(std::move(extents));
    HF_TRY(shape.check());
    return shape;
}

bool fits(const runtime::Port& port, const Shape& shape) {
    if (port.shape.rank() != shape.rank()) return false;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (port.shape[i] != Shape::kUnknown && port.shape[i] != shape[i]) return false;
    }
    return true;
}

class RequestParser {
public:
    RequestParser(const runtime::Signature& signature, ByteView binary)
        : signature_(signature), binary_(binary) {}

    Result<InferRequest> parse(const json::Value& root) {
        InferRequest request;
        request.id = json::get_string(root, "id");
        request.inputs.resize(signature_.inputs.size());
        const json::Array* inputs = json::find_array(root, "inputs");
        if (!inputs) return invalid_argument("/inputs: must be given, as an array");
        for (std::size_t i = 0; i < inputs->size(); ++i) {
            HF_TRY(add_input((*inputs)[i], request).context("/inputs/{}", i));
        }
        for (std::size_t i = 0; i < request.inputs.size(); ++i) {
            if (request.inputs[i].is_null()) {
                return invalid_argument("/inputs: '{}' is missing; the model takes: {}",
                                        signature_.inputs[i].name, names_of(signature_.inputs));
            }
        }
        if (used_ != binary_.size()) {
            return invalid_argument("{} bytes of binary data follow the JSON and inputs claim {}",
                                    binary_.size(), used_);
        }
        HF_TRY(add_outputs(root, request));
        return request;
    }

private:
    Status add_input(const json::Value& input, InferRequest& request) {
        const std::string name = HF_TRY(json::need_string(input, "name"));
        const std::size_t index = HF_TRY(find_port(signature_.inputs, name));
        if (!request.inputs[index].is_null()) return invalid_argument("'{}' is given twice", name);
        const runtime::Port& port = signature_.inputs[index];
        const DType dtype = HF_TRY(parse_oip_dtype(json::get_string(input, "datatype")));
        const Shape shape = HF_TRY(parse_shape(input));
        if (dtype != port.dtype || !fits(port, shape)) {
            return invalid_argument("'{}' must be {} of shape {}, and is {} of shape {}", name,
                                    oip_name(port.dtype), port.shape.to_string(), oip_name(dtype),
                                    shape.to_string());
        }
        const json::Value* size = json::find_path(input, {"parameters", "binary_data_size"});
        const json::Value* data = json::find(input, "data");
        if (size && data) return invalid_argument("give either data or binary_data_size");
        if (size) {
            request.inputs[index] = HF_TRY(take_binary(*size, dtype, shape));
        } else if (data) {
            request.inputs[index] = HF_TRY(tensor_from_json(*data, dtype, shape).context("/data"));
        } else {
            return invalid_argument("field 'data' must be given");
        }
        return {};
    }

    Result<Tensor> take_binary(const json::Value& size, DType dtype, const Shape& shape) {
        const std::int64_t count = size.is_int64() ? size.get_int64() : -1;
        if (count < 0 || static_cast<std::uint64_t>(count) > binary_.size() - used_) {
            return invalid_argument("binary_data_size {} exceeds the {} bytes that follow the JSON",
                                    json::write(size), binary_.size() - used_);
        }
        const ByteView bytes = binary_.subspan(used_, static_cast<std::size_t>(count));
        used_ += bytes.size();
        return tensor_from_binary(bytes, dtype, shape);
    }

    Status add_outputs(const json::Value& root, InferRequest& request) {
        const json::Value* all_binary = json::find_path(root, {"parameters", "binary_data_output"});
        const bool fallback = all_binary && all_binary->is_bool() && all_binary->get_bool();
        const json::Array* outputs = json::find_array(root, "outputs");
        if (!outputs || outputs->empty()) {
            for (std::size_t i = 0; i < signature_.outputs.size(); ++i) {
                request.outputs.push_back({i, fallback});
            }
            return {};
        }
        for (std::size_t i = 0; i < outputs->size(); ++i) {
            const json::Value& output = (*outputs)[i];
            const Result<std::size_t> index =
                find_port(signature_.outputs, json::get_string(output, "name"));
            HF_TRY(index.status().context("/outputs/{}", i));
            const json::Value* binary = json::find_path(output, {"parameters", "binary_data"});
            const bool wants = binary && binary->is_bool() ? binary->get_bool() : fallback;
            request.outputs.push_back({*index, wants});
        }
        return {};
    }

    const runtime::Signature& signature_;
    const ByteView binary_;
    std::size_t used_ = 0;
};

// A raw request: no JSON at all, the body is the model's single input.
Result<InferRequest> parse_raw(ByteView body, const runtime::Signature& signature) {
    if (signature.inputs.size() != 1) {
        return invalid_argument("a raw request needs a model with one input; this one takes: {}",
                                names_of(signature.inputs));
    }
    const runtime::Port& port = signature.inputs[0];
    Shape shape = port.shape;
    for (std::size_t i = 0; i < shape.rank(); ++i) {
        if (shape[i] != Shape::kUnknown) continue;
        if (i > 0) return invalid_argument("a raw request needs known extents but for the batch");
        shape[i] = 1;
    }
    InferRequest request;
    request.inputs.push_back(HF_TRY(tensor_from_binary(body, port.dtype, shape)));
    for (std::size_t i = 0; i < signature.outputs.size(); ++i) request.outputs.push_back({i, true});
    return request;
}

}  // namespace

Result<InferRequest> parse_infer_request(ByteView body, std::optional<std::size_t> json_bytes,
                                         const runtime::Signature& signature) {
    if (json_bytes == std::size_t{0}) return parse_raw(body, signature);
    if (json_bytes && *json_bytes > body.size()) {
        return invalid_argument("Inference-Header-Content-Length is {} and the body has {} bytes",
                                *json_bytes, body.size());
    }
    const ByteView head = body.first(json_bytes.value_or(body.size()));
    const json::Value root = HF_TRY(json::parse(as_text(head), body.size()));
    return RequestParser(signature, body.subspan(head.size())).parse(root);
}

Result<InferBody> write_infer_response(const InferRequest& request, const Answer& answer,
                                       const runtime::Signature& signature) {
    json::Array outputs;
    Bytes binary;
    bool any_binary = false;
    for (const InferRequest::Wanted& wanted : request.outputs) {
        const Tensor& tensor = answer.outputs.at(wanted.output);
        json::Array shape;
        for (std::int64_t extent : tensor.shape()) shape.emplace_back(extent);
        json::Object output{{"name", signature.outputs[wanted.output].name},
                            {"datatype", oip_name(tensor.dtype())},
                            {"shape", std::move(shape)}};
        if (wanted.binary) {
            const Bytes bytes = tensor_to_binary(tensor);
            output["parameters"] = {{"binary_data_size", bytes.size()}};
            binary.insert(binary.end(), bytes.begin(), bytes.end());
            any_binary = true;
        } else {
            output["data"] = HF_TRY(tensor_to_json(tensor));
        }
        outputs.push_back(std::move(output));
    }
    json::Object root{{"model_name", answer.model_name}, {"model_version", answer.model_version}};
    if (!request.id.empty()) root["id"] = request.id;
    root["outputs"] = std::move(outputs);
    InferBody body;
    body.bytes = to_bytes(json::write(root));
    if (any_binary) body.json_bytes = body.bytes.size();
    body.bytes.insert(body.bytes.end(), binary.begin(), binary.end());
    return body;
}

}  // namespace hf::serve
